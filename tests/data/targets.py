#!/usr/bin/env python3
"""Writes targets.tsv: render targets and how graphite-web's own grammar reads them.

    pip download --no-deps --no-binary :all: graphite-web==1.1.10    (and unpack it)
    pip install pyparsing six
    python3 targets.py graphite-web-1.1.10/webapp > targets.tsv

The second column is the tree: <path>, [string], 5 (integer), 5.0f (float), name(argument,key=value),
template{subject,name:value}, tags<text>. Targets whose reading differs on
purpose (see src/target/parser.rs) are not listed here but tested there.
"""

import sys
import types

TARGETS = r"""
a
a.b.c
  a.b.c  
a..b
a.
.a
a.b*.c?.[d-f].[!x]
a.{b,c}.d
a.{b}{c,d}e.f
{a,b}.c
a.{b,c,}.d
a.{}.d
a.{b.c}.d
a.{b,{c,d}}.e
a.{b, c}.d
a;t=v;u=w
a:b/c<d>e[f]g^h&i%j#k@l!m~n`o$p+q-r_s?t*
a\.b.c
a\(b\).c
a\{b\,c\}.d
a\=b
a\b
f(a\=b)
f(a\'b)
5
1e3
true
none
"quoted"
(a)
)
f()
f( )
f(a)
f ( a , b )
f(\na,\nb\n)
f(\ta)
f(a b)
f(a;b)
f((a))
f(a
f(a,
f(a,)
f(,a)
f(a,,b)
f(a))
f(a)garbage
f(a) garbage
f(g(a)
f(g(a,),b)
f(g(h(a,k=),b)
F(a)
_f(a)
f1(a)
1f(a)
f.g(a)
f-g(a)
f(1)
f(-1)
f(+1)
f(--1)
f(007)
f(-0)
f(1.5)
f(1.)
f(.5)
f(-.5)
f(1.5.2)
f(1e3)
f(1E3)
f(1e-3)
f(1e+3)
f(1.5e-3)
f(-1.5e3)
f(1e)
f(1e3.5)
f(1e400)
f(9223372036854775807)
f(9223372036854775808)
f(99999999999999999999)
f(5m)
f(5min)
f(5 )
f(5\n)
f(5 m)
f(0x10)
f(1_000)
f(1,2,3)
f(true)
f(TRUE)
f(tRuE,False,FALSE)
f(true.a)
f(true-ish)
f(trueish)
f(true$)
f(true a)
f(none)
f(None,NONE)
f(none.a)
f(null)
f(inf)
f(INF,Inf)
f(-inf)
f(infinity)
f(inf.a)
f(nan)
f("a")
f('a')
f("a'b")
f('a"b')
f("")
f('')
f("a""b")
f("a\"b")
f("a\\")
f("a\\\"b")
f("a\x41b")
f("a\xzz")
f("a\nb")
f("a,b)c(d")
f("{x}")
f("a"b)
f("a" "b")
f("a
f("a')
f("é 日")
f("a\tb")
f(k=a)
f(a,k=b)
f(a,k=1)
f(a,k="b")
f(a,k=true,l=none)
f(a, k = b )
f(a,k=g(b,1))
f(a,k=g(b)|h())
f(a,k=)
f(a,k==b)
f(a,k=b=c)
f(a,k=1,b)
f(a,k=1,k=2)
f(a,k=1,l=2,k=3)
f(a,a.k=1)
f(a,1k=1)
f(a,_k1=1)
f(k=a,b)
f(k=a,l=b)
f(a,k=template(b))
f(g(a),h(i(b,1),"c"),2)
a|f()
a|f(1)
a | f(1)
a |f(1)| g("x")
a|\nf()
f(a)|g(1)|h(2)
a|f(b|g())
f(a|g(1),b|h())
a|
a|f
a|f(
a|f(k=1)
a|f(1,k=1)
a||f()
a|5
a|b.c
|f()
a|f()g()
f(1|g())
f("a"|g())
f(true|g())
a%|f(2)
seriesByTag("a=b")
seriesByTag( 'a=b' ,"c!=~d" )
seriesByTag("a=b",5,x)
seriesByTag()
f(seriesByTag('a=b'),1)
seriesByTag('a=b')|f(1)|g()
template(a)
template(a.$1,1)
template(a.$1.$2,"b", 'c')
template(a.$k,k="b")
template(a.$k.$l , k = "b" , l = -2.5 )
template(f(a.$k,$l),k="b",l=3)
template(f(a))|g(1)
template(seriesByTag("a=$k"),k="b")
template (a)
f(template(a.$1,1),template(b.$1,2))
f(template(g(template(a,1)),2))
template
template.a
templates(a)
template(5)
template(true,1)
template(k=1)
template(k=1,2)
template(a{b,c}.d,1)
""".strip("\n").split("\n")


def load_grammar(webapp):
    sys.path.insert(0, webapp)
    django, conf = types.ModuleType("django"), types.ModuleType("django.conf")
    conf.settings = types.SimpleNamespace(UTF8_METRICS=False)
    sys.modules.update({"django": django, "django.conf": conf})
    from graphite.render.grammar_unsafe import grammar
    return grammar


def number_text(token):
    if token.integer and abs(int(token.integer)) < 2**63:
        return str(int(token.integer))
    number = repr(float(token.integer or token.float or token.scientific[0]))
    return number.replace("e+", "e").replace("e-0", "e-") + "f"


def show(token):
    if token.template:
        template = token.template
        parts = [show(template)]
        parts += ["%d:%s" % (i + 1, scalar(arg)) for i, arg in enumerate(template.args)]
        parts += ["%s:%s" % (kw.argname, scalar(kw.args[0])) for kw in template.kwargs]
        return "template{%s}" % ",".join(parts)
    if token.expression:
        text = show(token.expression)
        for stage in token.expression.pipedCalls:
            text = show_call(stage.call, [text])
        return text
    if token.pathExpression:
        return "<%s>" % token.pathExpression
    if token.call:
        return show_call(token.call, [])
    return scalar(token)


def show_call(call, first):
    if call.funcname == "seriesByTag":
        return "tags<%s>" % call.raw
    if call.funcname == "template":
        raise ValueError("not a template")
    keywords = {}
    for keyword in call.kwargs:
        keywords[keyword.argname] = show(keyword.args[0])
    parts = first + [show(arg) for arg in call.args] + ["%s=%s" % pair for pair in keywords.items()]
    return "%s(%s)" % (call.funcname, ",".join(parts))


def scalar(token):
    if token.number:
        return number_text(token.number)
    if token.string:
        return "[%s]" % token.string[1:-1]
    if token.boolean:
        return token.boolean[0].lower()
    if token.none:
        return "none"
    if token.infinity:
        return "inff"
    raise ValueError("unknown token")


def main():
    grammar = load_grammar(sys.argv[1])
    print("# Made by targets.py from graphite-web's grammar. Columns: target, tree or `error`.")
    for target in TARGETS:
        text = target.replace("\\n", "\n").replace("\\t", "\t")
        try:
            shown = show(grammar.parseString(text))
        except Exception as error:
            print(target, type(error), file=sys.stderr)
            shown = "error"
        print("%s\t%s" % (target, shown))


if __name__ == "__main__":
    main()
