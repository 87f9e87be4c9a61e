"""A run that is verified in parts: by hash of the key, out of core, so that memory is bounded by a part and not by the
run. What is found is the same to the byte, however many parts there are, and wherever they are judged.

`splitting` divides journals and rows into tables of a `store`; `judging` judges a part, by the checks that a whole run
is judged by; `running` has all parts judged, here or elsewhere; `verify` is all of it.
"""
