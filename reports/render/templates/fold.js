// What is folded for a phone is open where there is room. Without this script all of it is folded, and opens by a click.
"use strict";
if (window.matchMedia("(min-width: 760px)").matches) {
  for (const one of document.querySelectorAll("details[data-wide]")) one.open = true;
}
