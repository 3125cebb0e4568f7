"""On which line each key of a TOML document stands."""

from __future__ import annotations

from preservation.policy.places import lines_of

DOCUMENT = '''\
# "a" = [
a = 1
"b.c" = "x # ] }"
d.e . 'f' = """
g = 1
\\"""" # not the end of the line
h = [ 1, # one ]
  "two, ]", [3,
    { i = 4,  j.k = 'five}' }],
]
[l]
m = {}
[[n]]
o = 1979-05-27 07:32:00
p = { q = [ { r = 1 }, { r =
2 } ] }
[[n]]
o = \'\'\'
\'\'\'
[n.s]
t = -inf
[[n.u]]
v = 0x_
[[n.u]]
v = true
[w.x]
'''.replace("0x_", "0x1f")


def test_every_key_table_and_item_has_its_line():
    lines = lines_of(DOCUMENT)
    expected = {
        ("a",): 2,
        ("b.c",): 3,
        ("d",): 4,
        ("d", "e", "f"): 4,
        ("h",): 7,
        ("h", 0): 7,
        ("h", 1): 8,
        ("h", 2, 0): 8,
        ("h", 2, 1): 9,
        ("h", 2, 1, "j", "k"): 9,
        ("l",): 11,
        ("l", "m"): 12,
        ("n",): 13,
        ("n", 0): 13,
        ("n", 0, "o"): 14,
        ("n", 0, "p", "q", 1, "r"): 15,
        ("n", 1): 17,
        ("n", 1, "o"): 18,
        ("n", 1, "s"): 20,
        ("n", 1, "s", "t"): 21,
        ("n", 1, "u", 0): 22,
        ("n", 1, "u", 1, "v"): 25,
        ("w",): 26,
        ("w", "x"): 26,
    }
    assert {steps: lines.get(steps) for steps in expected} == expected


def test_lines_are_counted_alike_where_they_end_in_cr_lf():
    assert lines_of(DOCUMENT.replace("\n", "\r\n")) == lines_of(DOCUMENT)
