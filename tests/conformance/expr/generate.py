# SPDX-License-Identifier: Apache-2.0
"""Random templates with their contexts. Typed by what an expression should give, so that most of
them render; now and then a wrong type, so that errors are compared as well."""
import random

STRINGS = [
    "", "a", "hello world", "Hello, World!", "straße ÄÖÜ éà", "ΑΛΦΑ βητα ΣΟΦΟΣ", "Привет мир", "日本語 テキスト",
    "😀 emoji 🎉 text", " padded\t", "it's", 'say "hi"', "both ' and \"", "line one\nline two\n\nline four",
    "MiXeD-case_word (in brackets) [x] {y} <z>", "a,b,,c", "12", "-7", "3.75", " 42 ", "1e3", "0x1f", "1_000",
    "2026-02-28", "2024-12-31", "s3://bucket/dir/file.tar.gz", "/a/b//c.txt", ".hidden", "ǆ ŉ ﬁ İi ß", "tab\tand\x07bell",
    "back\\slash", "zero\u200bwidth", "the quick brown-fox jumps over--the lazy dog's half-hearted e-mail",
    "x" * 40, "aaa", "%d items", "100%", "<b>&amp;</b>", "True", "none", "a.b.c", "nbsp\u00a0here", "\u2028sep",
]
INTS = [0, 1, 2, 3, 5, 7, 10, -1, -3, -17, 42, 100, 255, 1000, 123456, 10**9, 2**53 + 1, 10**15]
FLOATS = [0.0, 1.0, -1.0, 0.1, 0.5, 1.5, 2.5, -2.5, 3.14159, 2.675, 1e16, 1e-5, 123456789.123, 1e100, 1e-300, -0.0, 1 / 3]
WORDS = ["alpha", "Beta", "gamma", "ALPHA", "delta", "épsilon", "Ωmega", "", "beta", "zz top"]


def literal(value):
    """The text of a constant in a template."""
    if isinstance(value, str):
        out = "'"
        for c in value:
            if c in "\\'":
                out += "\\" + c
            elif c == "\n":
                out += "\\n"
            elif c == "\t":
                out += "\\t"
            elif ord(c) < 32:
                out += f"\\x{ord(c):02x}"
            else:
                out += c
        return out + "'"
    if value is None or isinstance(value, bool):
        return {None: "none", True: "true", False: "false"}[value]
    if isinstance(value, list):
        return "[" + ", ".join(literal(x) for x in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(k)}: {literal(v)}" for k, v in value.items()) + "}"
    return repr(value)


class Generator:
    def __init__(self, seed):
        self.r = random.Random(seed)
        self.used = set()
        self.locals = []

    def use(self, *features):
        self.used.update(features)

    def pick(self, options):
        return self.r.choice(options)

    def chance(self, p):
        return self.r.random() < p

    # ---- contexts

    def obj(self):
        return {
            "name": self.pick(WORDS),
            "n": self.pick(INTS[:12]),
            "x": self.pick(FLOATS[:9]),
            "on": self.chance(0.5),
            "sub": {"k": self.pick(WORDS), "l": [1, self.pick(INTS[:6])]},
        }

    def context(self):
        r = self.r
        out = {
            "s": self.pick(STRINGS), "t": self.pick(STRINGS), "word": self.pick(WORDS),
            "i": self.pick(INTS), "j": self.pick(INTS[:12]), "k": self.pick(INTS[:6]),
            "f": self.pick(FLOATS), "g": self.pick(FLOATS[:9]),
            "yes": True, "no": False, "nothing": None,
            "li": [self.pick(INTS[:13]) for _ in range(r.randrange(6))],
            "lf": [self.pick(FLOATS[:9]) for _ in range(r.randrange(1, 5))],
            "ls": [self.pick(WORDS) for _ in range(r.randrange(6))],
            "lt": [self.pick(STRINGS) for _ in range(r.randrange(1, 4))],
            "ll": [[self.pick(INTS[:9]) for _ in range(r.randrange(3))] for _ in range(r.randrange(1, 4))],
            "lo": [self.obj() for _ in range(r.randrange(1, 5))],
            "mixed": [1, "a", None, 2.5, True, [1], {"k": "v"}],
            "m": {self.pick(WORDS) or "e": self.pick(INTS[:9]) for _ in range(r.randrange(1, 5))},
            "ms": {"b": self.pick(STRINGS), "a": self.pick(WORDS), "C": self.pick(WORDS)},
            "o": self.obj(),
            "empty": [], "em": {},
        }
        return out

    # ---- expressions: each returns text

    def expr(self, kind, depth):
        if self.chance(0.03):
            kind = self.pick(["str", "int", "float", "bool", "ints", "strs", "objs", "map", "any"])
        return getattr(self, kind)(depth)

    def paren(self, text):
        return f"({text})" if self.chance(0.75) else text

    def sub(self, kind, depth):
        """An operand: safe to be followed by a filter or an operator most of the time."""
        text = self.expr(kind, depth - 1)
        simple = text.replace("_", "").isalnum() or (text[:1] in "'[(" and depth <= 1)
        return text if simple else f"({text})" if self.chance(0.9) else text

    def any(self, depth):
        return self.expr(self.pick(["str", "int", "float", "bool", "ints", "strs", "objs", "map", "null", "pair", "pairs"]), depth)

    def null(self, depth):
        if self.chance(0.3):
            self.use("op:choose_no_else")
            return f"({self.expr('any', 0)} if {self.pick(['no', 'false', 'yes'])})"
        return self.pick(["none", "nothing", "None"])

    def pairs(self, depth):
        """A list of tuples."""
        self.use("stmt:pairs")
        return self.pick([
            "m.items() | list", "ms | items | list", "m | dictsort", "o | dictsort(by='value')", "ms | dictsort(reverse=true)", "lo | groupby('name')",
            "lo | groupby('sub.k', case_sensitive=true)", "[(1, 'a'), (2, 'b')]", f"({self.expr('map', depth - 1)}) | dictsort", f"({self.expr('map', depth - 1)}).items()",
            "m | dictsort | map('reverse') | map('list') | list", "m | dictsort | batch(2) | list", "ms | dictsort | sort(reverse=true)", "m | dictsort | unique | list",
        ])

    def pair(self, depth):
        if self.chance(0.5):
            return f"({self.pairs(depth)} | {self.pick(['first', 'last', 'max', 'min'])})"
        self.use("op:tuple")
        return f"({self.expr('any', depth - 1)}, {self.expr('any', depth - 1)})" if depth > 0 else "(1, 'b')"

    def name_of(self, kind):
        local = [name for name, k in self.locals if k == kind]
        if local and self.chance(0.5):
            return self.pick(local)
        return None

    def str(self, depth):
        if depth <= 0:
            return self.name_of("str") or self.pick(
                ["s", "t", "word", "s", "t", literal(self.pick(STRINGS)), literal(self.pick(STRINGS)), "o.name", "o['name']", "ms.a", "ms['b']"])
        options = [
            lambda: self.concat(depth), lambda: self.concat(depth),
            lambda: self.filtered_str(depth), lambda: self.filtered_str(depth), lambda: self.filtered_str(depth),
            lambda: self.choose("str", depth),
            lambda: self.index_str(depth),
            lambda: self.binary("str", "+", "str", depth),
            lambda: self.repeat(depth),
            lambda: self.format_str(depth),
            lambda: self.method_str(depth),
        ]
        return self.pick(options)()

    def concat(self, depth):
        self.use("op:~")
        return " ~ ".join(self.sub(self.pick(["str", "int", "float", "bool", "any"]), depth) for _ in range(self.r.randrange(2, 4)))

    def choose(self, kind, depth):
        chosen = f"{self.sub(kind, depth)} if {self.expr('bool', depth - 1)}"
        if self.chance(0.3):
            self.use("op:choose_no_else")
            return chosen
        self.use("op:choose")
        return f"{chosen} else {self.sub(kind, depth)}"

    def binary(self, left, op, right, depth):
        self.use("op:" + op)
        return f"{self.sub(left, depth)} {op} {self.sub(right, depth)}"

    def repeat(self, depth):
        self.use("op:*")
        return f"{self.sub('str', depth)} * {self.pick(['0', '1', '2', '3', '-1', 'k'])}"

    def index_str(self, depth):
        base = self.sub("str", depth)
        if self.chance(0.3):
            self.use("op:index")
            return f"{base}[{self.pick(['0', '-1', '1', 'k', '2', '-3'])}]"
        return base + self.slice()

    def slice(self):
        self.use("op:slice")
        part = lambda: self.pick(["", "", "0", "1", "2", "-1", "-2", "5", "k"])
        step = self.pick(["", "", "", ":", ":2", ":-1", ":-2", ":1"])
        return f"[{part()}:{part()}{step}]"

    def format_str(self, depth):
        spec = self.pick(["%s", "%5s|", "%-6s|", "%r", "%d", "%05d", "%+d", "%x", "%X", "%o", "%#x", "%.2f", "%8.3f|", "%e", "%g", "%G", "%E",
                          "%.3s", "%c", "%i", "% d", "%%%s", "%F", "%.0f", "%#o", "%08.3f", "%-8d|", "%.1e", "%a"])
        kind = "str" if spec.strip("%|")[-1] in "sra" else "int" if spec.strip("%|")[-1] in "dxXoi" else "float"
        value = "65" if spec == "%c" else self.sub(kind, depth - 1)
        if self.chance(0.5):
            self.use("op:%")
            return f"'{spec}' % {value}" if self.chance(0.4) else f"'{spec}' % ({value},)"
        self.use("filter:format")
        if self.chance(0.3):
            return f"'%(a){spec.replace('%', '', 1)}' | format(a={value})" if not spec.startswith("%%") else f"'{spec}' | format({value})"
        return f"'{spec}' | format({value})"

    def method_str(self, depth):
        base = self.sub("str", depth)
        if base[0] not in "('" and not base[0].isalpha():
            base = f"({base})"
        a, b = literal(self.pick(STRINGS[:18])), literal(self.pick(WORDS))
        call = self.pick([
            "upper()", "lower()", "capitalize()", "strip()", "lstrip()", "rstrip()", f"strip({literal('a h')})", "replace('a', 'b')",
            f"replace({a}, {b})", f"replace('l', {b}, 1)", "split() | join('|')", "split(',') | join('|')", "split(None, 1) | join('|')",
            "rsplit(' ', 1) | last", "rsplit(None, 1) | join('+')", "splitlines() | join('/')", "zfill(8)", "removeprefix('a')", "removesuffix('c')",
            f"find({b}) | string", "count('a') | string", "startswith('a') | string", "endswith(('o', 'd')) | string", "rstrip('d!')",
            "split('l', maxsplit=1) | list | string",
        ])
        self.use("method:" + call.split("(")[0])
        return f"{base}.{call}"

    def filtered_str(self, depth):
        f = self.pick(STRING_FILTERS)
        return f(self, depth)

    def int(self, depth):
        if depth <= 0:
            return self.name_of("int") or self.pick(["i", "j", "k", "o.n", "j", "k", str(self.pick(INTS)), str(self.pick(INTS[:9])), "li | length"])
        def arith():
            op = self.pick(["+", "-", "*", "//", "%", "+", "-"])
            small = "int0"
            return self.binary(small, op, small, depth)
        options = [
            arith, arith, arith,
            lambda: self.power(),
            lambda: (self.use("op:negative"), f"-{self.sub('int', depth)}")[1],
            lambda: (self.use("op:positive"), f"+{self.sub('int', depth)}")[1],
            lambda: self.choose("int", depth),
            lambda: self.filtered_int(depth),
            lambda: self.filtered_int(depth),
        ]
        return self.pick(options)()

    def int0(self, depth):
        return self.int(min(depth, 1)) if self.chance(0.3) else self.pick(["j", "k", "o.n", str(self.pick(INTS[:12]))])

    def power(self):
        self.use("op:**")
        return f"{self.pick(['2', '3', '-2', '10', 'k', '0'])} ** {self.pick(['0', '1', '2', '3', '-1', '-2', '0.5'])}" + (
            " ** 2" if self.chance(0.1) else "")

    def filtered_int(self, depth):
        return self.pick(INT_FILTERS)(self, depth)

    def float(self, depth):
        if depth <= 0:
            if self.chance(0.01):
                return self.pick(["1e400", "1e-400"])
            return self.name_of("float") or self.pick(["f", "g", "o.x", "g", literal(self.pick(FLOATS)), literal(self.pick(FLOATS[:9]))])
        options = [
            lambda: self.binary("float", self.pick(["+", "-", "*"]), "float", depth),
            lambda: self.binary(self.pick(["int0", "float"]), "/", self.pick(["int0", "float"]), depth),
            lambda: self.binary("float", self.pick(["//", "%"]), self.pick(["float", "int0"]), depth),
            lambda: self.binary("int0", self.pick(["+", "-", "*"]), "float", depth),
            lambda: self.choose("float", depth),
            lambda: self.pick(FLOAT_FILTERS)(self, depth),
            lambda: self.pick(FLOAT_FILTERS)(self, depth),
        ]
        return self.pick(options)()

    def bool(self, depth):
        if depth <= 0:
            return self.pick(["yes", "no", "true", "false", "True", "False", "o.on"])
        options = [
            lambda: self.compare(depth), lambda: self.compare(depth), lambda: self.compare(depth),
            lambda: self.test(depth), lambda: self.test(depth), lambda: self.test(depth),
            lambda: self.membership(depth), lambda: self.membership(depth),
            lambda: self.binary("bool", "and", "bool", depth),
            lambda: self.binary("bool", "or", "bool", depth),
            lambda: (self.use("op:not"), f"not {self.sub('bool', depth)}")[1],
            lambda: self.binary("any", self.pick(["and", "or"]), "any", depth),
        ]
        return self.pick(options)()

    def compare(self, depth):
        op = self.pick(["==", "!=", "<", "<=", ">", ">="])
        kind = self.pick(["int", "float", "str", "ints", "int", "str"])
        other = self.pick([kind, kind, kind, {"int": "float", "float": "int"}.get(kind, kind)])
        if op in ("==", "!=") and self.chance(0.3):
            other = "any"
        self.use("op:" + op)
        out = f"{self.sub(kind, depth)} {op} {self.sub(other, depth)}"
        if self.chance(0.15):
            self.use("op:chain")
            out += f" {self.pick(['<', '<=', '==', '!=', '>'])} {self.sub(other, depth)}"
        return out

    def membership(self, depth):
        op = self.pick(["in", "not in"])
        self.use("op:" + op)
        kind, box = self.pick([("int", "ints"), ("str", "strs"), ("str", "str"), ("str", "map"), ("any", "mixed_list"), ("int", "range_of")])
        return f"{self.sub(kind, depth)} {op} {self.sub(box, depth)}"

    def mixed_list(self, depth):
        return "mixed"

    def range_of(self, depth):
        self.use("function:range")
        return self.pick(["range(5)", "range(2, 9)", "range(10, 0, -3)", "range(k)", "range(0)"])

    def test(self, depth):
        name, kind, args = self.pick(TESTS)
        self.use("test:" + name)
        negate = "not " if self.chance(0.2) else ""
        if name in ("defined", "undefined"):
            return f"{self.pick(['s', 'missing', 'o.name', 'o.missing', 'm.zzz', 'li[0]', 'li[99]'])} is {negate}{name}"
        arg = ""
        if args:
            value = self.sub(args, depth)
            arg = f"({value})" if self.chance(0.7) or " " in value or value[0] in "+-" else f" {value}"
        return f"{self.sub(kind, depth)} is {negate}{name}{arg}"

    def ints(self, depth):
        if depth <= 0:
            return self.name_of("ints") or self.pick(["li", "li", "ll[0]", "lf", "[3, 1, 2]", literal([self.pick(INTS[:9]) for _ in range(self.r.randrange(5))]), "empty"])
        options = [
            lambda: self.list_literal("int", depth),
            lambda: self.binary("ints", "+", "ints", depth),
            lambda: self.range_of(depth) + " | list",
            lambda: self.sub("ints", depth) + self.slice(),
            lambda: self.pick(LIST_FILTERS)(self, "ints", depth),
            lambda: self.pick(LIST_FILTERS)(self, "ints", depth),
            lambda: self.choose("ints", depth),
            lambda: (self.use("filter:map", "filter:list"), self.pick([
                "lo | map(attribute='n') | list", "li | map('abs') | list", "ls | map('length') | list", "lo | map(attribute='sub.l.0') | list",
                "lf | map('int') | list", "lo | map(attribute='zz', default=0) | list", "li | map('default', 3) | list"]))[1],
            lambda: (self.use("op:*"), f"{self.sub('ints', depth)} * 2")[1],
        ]
        return self.pick(options)()

    def strs(self, depth):
        if depth <= 0:
            return self.name_of("strs") or self.pick(["ls", "ls", "lt", literal([self.pick(WORDS) for _ in range(self.r.randrange(5))]), "m | list"])
        options = [
            lambda: self.list_literal("str", depth),
            lambda: self.binary("strs", "+", "strs", depth),
            lambda: self.sub("strs", depth) + self.slice(),
            lambda: self.pick(LIST_FILTERS)(self, "strs", depth),
            lambda: self.pick(LIST_FILTERS)(self, "strs", depth),
            lambda: (self.use("filter:list"), f"{self.sub('str', depth)} | list")[1],
            lambda: (self.use("filter:map", "filter:list"), self.pick([
                "ls | map('upper') | list", "lo | map(attribute='name') | list", "lt | map('title') | list", "ls | map('replace', 'a', 'b') | list",
                "li | map('string') | list", "lt | map('truncate', 5, true) | list", "ls | map('default', 'x', boolean=true) | list"]))[1],
        ]
        return self.pick(options)()

    def list_literal(self, kind, depth):
        self.use("op:list")
        return "[" + ", ".join(self.expr(kind, depth - 1) for _ in range(self.r.randrange(4))) + "]"

    def objs(self, depth):
        if depth <= 0:
            return self.name_of("objs") or "lo"
        attribute = lambda: self.pick(["'n'", "'name'", "'x'", "'sub.k'", "'on'", "'sub.l.1'"])
        options = [
            lambda: (self.use("filter:sort"), f"lo | sort(attribute={self.pick([attribute(), attribute(), repr('name,n'), repr('on,x')])}{self.pick(['', ', reverse=true', ', case_sensitive=true'])})")[1],
            lambda: (self.use("filter:selectattr"), f"lo | selectattr({self.pick([attribute(), repr('on'), repr('n') + ', ' + repr('gt') + ', 2', repr('name') + ', ' + repr('in') + ', ls', repr('x') + ', ' + repr('<') + ', 1', repr('name') + ', ' + repr('equalto') + ', word'])}) | list")[1],
            lambda: (self.use("filter:rejectattr"), f"lo | rejectattr({self.pick([attribute(), repr('on'), repr('n') + ', ' + repr('odd'), repr('name') + ', ' + repr('lower')])}) | list")[1],
            lambda: (self.use("filter:unique"), f"lo | unique(attribute={attribute()}) | list")[1],
            lambda: self.pick(["lo[:2]", "lo[::-1]", "lo + lo[:1]"]),
            lambda: (self.use("filter:groupby"), f"lo | groupby({attribute()}{self.pick(['', ', case_sensitive=true'])})")[1],
            lambda: (self.use("filter:groupby"), "(lo + [{'name': 'q'}]) | groupby('n', default=0)" if self.chance(0.5) else "lo | groupby('sub.k') | map('first') | list")[1],
            lambda: (self.use("filter:batch"), f"lo | batch({self.pick(['1', '2', '3'])}) | list")[1],
        ]
        return self.pick(options)()

    def map(self, depth):
        if depth <= 0:
            return self.pick(["m", "ms", "o", "o.sub", "{'a': 1, 'b': 'x'}", "em"])
        options = [
            lambda: (self.use("op:map"), "{" + ", ".join(f"{literal(self.pick(WORDS))}: {self.expr('any', depth - 1)}" for _ in range(self.r.randrange(4))) + "}")[1],
            lambda: (self.use("function:dict"), f"dict(a={self.expr('any', depth - 1)}, b={self.expr('any', depth - 1)})")[1],
            lambda: (self.use("function:dict"), self.pick(["dict(m, zz=1)", "dict(ms)", "dict(m | items)", "dict([('p', 1), ('q', 2)])"]))[1],
            lambda: (self.use("filter:fromjson", "filter:tojson"), f"{self.sub('map', depth)} | tojson | fromjson")[1],
            lambda: self.pick(["lo[0]", "lo | first", "lo | last"]),
        ]
        return self.pick(options)()


def simple(name, kind="str", args=("",)):
    """A filter on an operand of one kind with one of some argument texts."""
    def make(g, depth):
        g.use("filter:" + name)
        arg = g.pick(args)
        if callable(arg):
            arg = arg(g, depth)
        return f"{g.sub(kind, depth)} | {name}{arg}"
    make.__name__ = name
    return make


STRING_FILTERS = [
    simple("upper"), simple("lower"), simple("capitalize"), simple("title"), simple("trim", args=("", "('a ')", "(chars='!d')")),
    simple("replace", args=("('a', 'o')", "('l', '')", "('', '-')", "('o', 'xx', 1)", "('a', 'b', count=2)", "(' ', '')", "('', '.', 2)")),
    simple("center", args=("(10)", "(21)", "(width=7)", "(0)", "")), simple("indent", args=("", "(2)", "(4, true)", "(2, blank=true)", "('> ', true, true)", "(first=true)")),
    simple("truncate", args=("(10)", "(9, true)", "(12, false, '…')", "(5, true, '', 0)", "(8, end='..', leeway=0)", "(20, leeway=2)", "")),
    simple("wordwrap", args=("(10)", "(5)", "(8, false)", "(12, true, ' / ')", "(9, break_on_hyphens=false)", "(20, wrapstring='|')", "(3)", "")),
    simple("string", "any"), simple("string", "pairs"), simple("string", "pair"), simple("tojson", "pairs"), simple("join", "pairs", ("(', ')", "('; ', 0)", "(', ', attribute='1')")),
    simple("join", "null", ("(', ')",)), simple("urlencode"), simple("urlencode", "map"), simple("urlencode", "int"), simple("reverse"),
    simple("join", "strs", ("", "(', ')", "('')", "(d='-')")), simple("join", "ints", ("('+')", "(1)")),
    simple("join", "objs", ("(', ', attribute='name')", "('-', 'sub.k')")), simple("first", "strs"), simple("last", "strs"),
    simple("default", "str", ("('x')", "('x', true)", "(default_value='q', boolean=true)")), simple("d", "str", ("('x', true)", "(1)")),
    simple("tojson", "any"), simple("tojson", "map", ("", "(2)", "(indent=1)")), simple("filesizeformat", "int", ("", "(true)", "(binary=true)")),
    simple("filesizeformat", "float"), simple("b64encode"), simple("sha256"), simple("mask", args=("", "(2)", "(keep=0)", "(keep=7)")),
    simple("basename"), simple("dirname"), simple("splitext"), simple("max", "strs"), simple("min", "strs", ("", "(case_sensitive=true)")),
    simple("regex_replace", args=("('[aeiou]', '*')", "('([a-z])([a-z])', '\\\\2\\\\1')", "('^', '> ')", "('L', 'x', ignorecase=true)", "('[ ,]+', '_', count=1)", "('(é|b)', '<\\\\1>')", "('x*', '-')")),
    lambda g, d: (g.use("filter:default"), g.pick(["missing | default('none')", "o.zz | default(s)", "missing | default", "li[50] | default(i)", "missing | d(t)"]))[1],
    lambda g, d: (g.use("filter:b64decode", "filter:b64encode"), f"{g.sub('str', d)} | b64encode | b64decode")[1],
    lambda g, d: (g.use("filter:ds_add"), f"{g.pick(['s', literal('2026-02-28'), literal('2024-12-31')])} | ds_add({g.pick(['1', '-1', 'j', '365', '-60'])})")[1],
    lambda g, d: (g.use("filter:ds_format"), "'2026-02-28' | ds_format('%Y-%m-%d', '" + g.pick(["%d.%m.%Y", "%Y%m%d", "%j", "%a %d %b %y", "%A, %B %d", "%w%%", "%H:%M:%S", "%u", "%I %p"]) + "')")[1],
    lambda g, d: (g.use("filter:ds_format"), "'28 Feb 2026 14:05:09' | ds_format('%d %b %Y %H:%M:%S', '" + g.pick(["%Y-%m-%dT%H:%M", "%I:%M %p", "%S.%f"]) + "')")[1],
    lambda g, d: (g.use("filter:date_add"), g.pick(["'2026-02-28' | date_add(1)", "'2026-02-28' | date_add(-59)", "'2024-02-28' | date_add('2d')", "'2026-02-28' | date_add('1h30m')",
                                                     "'2026-01-01T10:00:00' | date_add('-1d')", "'2026-02-28' | date_add('-36h')", "'2026-02-28' | date_add(j)"]))[1],
    lambda g, d: (g.use("filter:attr"), "(lo | groupby('name') | first) | attr('grouper')")[1],
]
INT_FILTERS = [
    simple("int", "str", ("", "(7)", "(default=3)", "(0, 16)", "(base=2)", "(1, 0)")), simple("int", "float"), simple("int", "bool"), simple("abs", "int"),
    simple("length", "str"), simple("length", "ints"), simple("length", "map"), simple("length", "pairs"), simple("length", "null"), simple("count", "strs"), simple("wordcount"), simple("sum", "ints", ("", "(start=10)")),
    simple("max", "ints"), simple("min", "ints"), simple("first", "ints"), simple("last", "ints"), simple("round", "int", ("", "(-2)", "(1)", "(0, 'ceil')", "(-1, 'floor')")),
    simple("sum", "objs", ("(attribute='n')", "('n', 5)")), simple("default", "int", ("(5)", "(5, true)")),
    lambda g, d: (g.use("filter:max"), "(lo | max(attribute='n')).n")[1],
    lambda g, d: (g.use("filter:min"), "(lo | min(attribute='name')).n")[1],
]
FLOAT_FILTERS = [
    simple("round", "float", ("", "(1)", "(2)", "(0, 'ceil')", "(1, 'floor')", "(-1)", "(2, method='ceil')", "(3)", "(-2)")), simple("float", "str", ("", "(1.5)", "(default=2)")),
    simple("float", "int"), simple("abs", "float"), simple("sum", "floats_"), simple("max", "floats_"),
]
Generator.floats_ = lambda self, depth: self.pick(["lf", "[0.1, 0.2, 0.3]", "lf + [1]", "lf[:2]"])


def on_list(name, args=("",), after=""):
    def make(g, kind, depth):
        g.use("filter:" + name)
        return f"{g.sub(kind, depth)} | {name}{g.pick(args)}{after}"
    return make


LIST_FILTERS = [
    on_list("sort", ("", "(reverse=true)", "(true)", "(case_sensitive=true)", "(false, true)")),
    on_list("unique", ("", "(true)"), " | list"), on_list("reverse", after=" | list"), on_list("list"),
    on_list("batch", ("(2)", "(3, 'x')", "(2, fill_with=0)", "(4)"), " | list"), on_list("slice", ("(2)", "(3)", "(3, 'x')", "(2, fill_with=0)"), " | list"),
    on_list("select", ("", "('string')", "('odd')", "('gt', 1)", "('in', [1, 'alpha', 3])", "('number')"), " | list"),
    on_list("reject", ("", "('none')", "('even')", "('eq', 1)", "('lower')"), " | list"),
    on_list("default", ("([])",)),
    lambda g, kind, d: (g.use("filter:dictsort"), f"{g.sub('map', d)} | dictsort{g.pick(['', '(true)', '(by=' + repr('value') + ')', '(reverse=true)', '(false, ' + repr('key') + ', true)'])}")[1],
    lambda g, kind, d: (g.use("filter:items"), f"{g.sub('map', d)} | items | list")[1],
    lambda g, kind, d: (g.use("method:items"), f"{g.pick(['m', 'ms', 'o'])}.{g.pick(['items()', 'keys()', 'values()'])} | list")[1],
    lambda g, kind, d: (g.use("method:get"), f"[m.get('alpha'), ms.get({literal(g.pick(WORDS))}, {g.expr('any', 0)})]")[1],
    lambda g, kind, d: (g.use("method:index"), f"[[1, 2, 3].index(2), (li + [7]).index(7), ls.count('alpha')]")[1],
]

TESTS = [
    ("defined", "any", None), ("undefined", "any", None), ("none", "any", None), ("boolean", "any", None), ("true", "any", None), ("false", "bool", None),
    ("integer", "any", None), ("float", "any", None), ("number", "any", None), ("string", "any", None), ("mapping", "any", None), ("sequence", "any", None),
    ("iterable", "any", None), ("odd", "int", None), ("even", "int", None), ("divisibleby", "int", "nonzero"), ("lower", "str", None), ("upper", "str", None),
    ("in", "int", "ints"), ("in", "str", "strs"), ("sameas", "singleton", "singleton"), ("filter", "filter_name", None), ("test", "filter_name", None),
    ("eq", "any", "any"), ("equalto", "str", "str"), ("ne", "any", "any"), ("lt", "int", "int"), ("lessthan", "int", "float"), ("le", "str", "str"), ("gt", "float", "int"),
    ("greaterthan", "int", "int"), ("ge", "int", "int"),
]
Generator.nonzero = lambda self, depth: self.pick(["2", "3", "5", "-2", "0", "1.5"])
Generator.singleton = lambda self, depth: self.pick(["none", "true", "false", "nothing", "yes", "no"])
Generator.filter_name = lambda self, depth: self.pick(["'upper'", "'defined'", "'nope'", "'sort'", "'even'"])


# ---- whole templates

def tag(g, begin, body, end):
    left = g.pick(["", "", "", "-", "+"])
    right = g.pick(["", "", "", "-"])
    if begin == "{{" and right == "" and body.endswith("}"):
        body += " "
    return f"{begin}{left} {body} {right}{end}"


def output(g, depth):
    return tag(g, "{{", g.expr("any" if g.chance(0.4) else g.pick(["str", "int", "float", "bool", "ints", "strs", "objs", "map"]), depth), "}}")


def statement(g, body):
    return tag(g, "{%", body, "%}")


TEXTS = ["", " ", "\n", "text ", "  two\n", "\n\n", "é ", "{ x } ", "% ", "\t", "a-b", "line\n  indented ", "}} "]


def block(g, depth):
    """Text and tags in a row."""
    out = ""
    for _ in range(g.r.randrange(1, 4)):
        out += g.pick(TEXTS)
        roll = g.r.random()
        if depth <= 0 or roll < 0.45:
            out += output(g, g.r.randrange(0, 3))
        elif roll < 0.60:
            out += branch(g, depth)
        elif roll < 0.80:
            out += loop(g, depth)
        elif roll < 0.90:
            out += assign(g, depth)
        elif roll < 0.93:
            g.use("stmt:with")
            name = g.pick(["w", "v"])
            out += statement(g, f"with {name} = {g.expr('any', 1)}, u = {g.expr('int', 0)}")
            g.locals.append(("u", "int"))
            out += block(g, depth - 1) + "{{ " + name + " }}" + statement(g, "endwith")
            g.locals.pop()
        elif roll < 0.95:
            g.use("stmt:filter")
            out += statement(g, "filter " + g.pick(["upper", "trim", "replace('a', 'b') | title", "indent(2)", "length", "wordcount | string"]))
            out += block(g, depth - 1) + statement(g, "endfilter")
        elif roll < 0.975:
            g.use("stmt:comment")
            out += tag(g, "{#", g.pick(["note", "{{ s }}", "{% if %}", "multi\nline"]), "#}")
        else:
            g.use("stmt:raw")
            out += statement(g, "raw") + g.pick(["{{ s }}", "  {% if %} ", "{# c #}\n", "}}"]) + statement(g, "endraw")
    return out + g.pick(TEXTS)


def branch(g, depth):
    g.use("stmt:if")
    out = statement(g, "if " + g.expr("bool", g.r.randrange(0, 3))) + block(g, depth - 1)
    for _ in range(g.pick([0, 0, 1, 2])):
        g.use("stmt:elif")
        out += statement(g, "elif " + g.expr("bool", 1)) + block(g, depth - 1)
    if g.chance(0.5):
        g.use("stmt:else")
        out += statement(g, "else") + block(g, depth - 1)
    return out + statement(g, "endif")


LOOP_MEMBERS = ["index", "index0", "revindex", "revindex0", "first", "last", "length", "depth", "previtem is defined", "nextitem is defined",
                "cycle('odd', 'even')", "changed(k)", "nextitem | default('end')", "previtem | default('start')"]


def loop(g, depth):
    g.use("stmt:for")
    kind, item = g.pick([("ints", "int"), ("strs", "str"), ("objs", "any"), ("str", "str"), ("map", "str"), ("range_of", "int"), ("pairs", "two")])
    if kind == "pairs":
        g.use("stmt:unpack")
        head, names = "a, b in " + g.pick(["m.items()", "ms | dictsort", "o | items", "[(1, 2), (3, 4)]", "lo | groupby('name')", "[[1, 2], 'xy']"]), [("a", "any"), ("b", "any")]
    else:
        name = g.pick(["x", "y", "e"])
        head, names = f"{name} in {g.expr(kind, g.r.randrange(0, 2))}", [(name, item)]
        if " if " in head:
            head = head.replace(" in ", " in (", 1) + ")"
    if g.chance(0.25):
        g.use("stmt:for_if")
        name = names[0][0]
        head += " if " + g.pick([name, f"{name} != 1", f"{name} is string", f"{name} is number and {name} > 1", "yes"])
    out = statement(g, "for " + head)
    g.locals += names
    if g.chance(0.6):
        g.use("stmt:loop")
        out += "{{ loop." + g.pick(LOOP_MEMBERS) + " }}"
    out += "{{ " + names[-1][0] + " }}" + (block(g, depth - 1) if g.chance(0.5) else g.pick(TEXTS))
    for _ in names:
        g.locals.pop()
    if g.chance(0.25):
        g.use("stmt:for_else")
        out += statement(g, "else") + g.pick(["nothing", "{{ s }}"])
    return out + statement(g, "endfor")


def assign(g, depth):
    g.use("stmt:set")
    roll = g.r.random()
    if roll < 0.5:
        kind = g.pick(["str", "int", "float", "ints", "strs", "objs"])
        name = "v" + kind
        g.locals.append((name, kind))
        return statement(g, f"set {name} = {g.expr(kind, g.r.randrange(0, 3))}") + "{{ " + name + " }}"
    if roll < 0.65:
        return statement(g, f"set p, q = {g.expr('any', 1)}, {g.expr('any', 1)}") + "{{ q }}{{ p }}"
    if roll < 0.85:
        g.use("stmt:set_block")
        filters = g.pick(["", "", " | upper", " | trim | title"])
        return statement(g, "set blk" + filters) + block(g, depth - 1) + statement(g, "endset") + "[{{ blk }}]"
    g.use("stmt:namespace")
    return ("{% set ns = namespace(c=0, l=[]) %}{% for x in " + g.expr("ints", 1).replace(" if ", " and ") + " %}{% set ns.c = ns.c + x %}{% set ns.l = ns.l + [loop.index] %}{% endfor %}"
            "{{ ns.c }} {{ ns.l }}")


def template(g):
    """One template as text; begins with text, so that the result is text in every mode."""
    g.used, g.locals = set(), []
    roll = g.r.random()
    if roll < 0.55:
        return "<" + output(g, g.r.randrange(1, 4)) + ">"
    return "<" + block(g, g.r.randrange(1, 3)) + ">"


def focused(g, feature):
    """A template that surely uses the feature."""
    kind, name = feature.split(":", 1)
    for attempt in range(4000):
        g.used, g.locals = set(), []
        if kind == "filter":
            choices = [f for f in STRING_FILTERS + INT_FILTERS + FLOAT_FILTERS if getattr(f, "__name__", "") in (name, "<lambda>")]
            text = "<{{ " + g.pick(choices)(g, g.r.randrange(1, 3)) + " }}>" if choices and attempt % 2 == 0 else \
                "<{{ " + g.pick([g.ints, g.strs, g.objs, g.map])(g.r.randrange(1, 3)) + " }}>"
        elif kind == "test":
            text = "<{{ " + g.test(g.r.randrange(1, 3)) + " }}>"
        elif kind == "stmt":
            text = "<" + block(g, 2) + ">"
        else:
            text = template(g)
        if feature in g.used:
            return text
    raise SystemExit(f"the generator never makes {feature}")
