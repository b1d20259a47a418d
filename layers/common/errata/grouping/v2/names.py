"""Removes generated parts from the names of functions, classes, modules and files. Frozen with v2.

Compilers, bundlers and runtimes number things without a name. They add hashes, versions and
addresses to other names. The patterns here guess which parts are generated. If a pattern matches
too much, different errors share an issue. If it matches too little, every build gets a new issue.
"""

import re

# Only the start of a name and the end of a path are used. The rest does not help.
MAX_NAME = 256
_MAX_PATH = 512

_NOBODY = frozenset(("?", "<anonymous>", "<unknown>", "anonymous", "(anonymous)", "async"))
# Every match of `_GENERATED` contains one of these. This check is faster.
_SUSPECT = re.compile(r"[\d@{$]")
# Text in a group is kept.
_GENERATED = re.compile(
    r"""
    (@anonymous)(?:(?!::|->).)+                        # PHP: class@anonymous<NUL>/cart.php:12$0
  | (?<=\{closure):[^}]*+                              # PHP 8.4: {closure:Cart::total():42}
  | /?0x[0-9A-Fa-f]++                                  # Java: $$Lambda$14/0x00007f01
  | (?<=CGLIB)\$\$[0-9a-f]++                           # Spring: $$EnhancerBySpringCGLIB$$3f2ab1c9
  | \ ?[$@\#]\d++                                      # lambda$total$0, closure@3, {closure#0}
  | (\.func|gowrap|deferwrap|-range|lambda|closure|block_invoke|-fun-|Accessor|Proxy|DisplayClass
    |>[bd]__)_?\d++(?:[._]\d++)*+                      # Go: .func1.2; .NET: <F>b__3_0; <lambda_3>
  | (?<=\w)\|\d++_\d++                                # .NET: <F>g__Inner|3_0
  | (?<!_)_*+(?<![0-9A-Za-z])h?(?=[a-f]*+\d)[0-9a-f]{8,}+(?![0-9A-Za-z])  # Rust: ::h3f2a1bc9d8e7
  | __[_-]?\d++_\d++$                                  # Ruby: _index_html_erb___3847928374_4729
  | (?<!_)_*+-?\d{5,}+
    """,
    re.VERBOSE | re.DOTALL,
)

_SCHEME = re.compile(r"(?:[A-Za-z][A-Za-z0-9+-]+:)++(?://[^/]*+)?")
_VOLATILE = re.compile(
    r"""
    [-_.@~]?[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}    # a UUID
  | (?:^|[-_.@~])v?\d++(?:\.\d++)++(?:-(?:alpha|beta|rc|next|canary|dev|pre)(?:[.-]?\d++)*+)?+
  | @v?\d++(?=$|[/_+-])                                             # lodash@4.17.21, react@18
  | (?:[-_.@~]|(?<![0-9A-Za-z]))(?=[a-f]*+\d)[0-9a-f]{8,}+(?![0-9A-Za-z])    # app.3f2a1bc9.js
  | ^(?=[a-f]*+\d)[0-9a-f]{7}$                                      # releases/3f2a1bc
  | (?:^|[-.~])(?=[\w-]{8}\.(?:chunk\.)?[cm]?js$)(?![\w-]{0,3}[a-z]{5})(?:
        (?=[\w-]{0,7}\d)(?=[\w-]{0,7}[A-Z])[\w-]{8}                 # index-BxKT9a_q.js (Base64)
      | (?=[\w-]{0,7}[a-z])(?=[\w-]{0,6}[A-Z]{2})[\w-]{8}
      | [A-Z0-9]{8}                                                 # chunk-AB12CD34.js (Base32)
    )
  | [-_.]?\d{5,}+ | ^\d++$                                          # 20260101120000, orders/17
  | :\d++                                                           # a line
    """,
    re.VERBOSE,
)


def name(text: str) -> str:
    """Return the name of a function, class or module without generated parts.

    Returns "" for an anonymous one.
    """
    text = text[:MAX_NAME]
    if text in _NOBODY:
        return ""
    if _SUSPECT.search(text):
        text = _GENERATED.sub(_kept, text)
    return text.strip()


def _kept(found: re.Match[str]) -> str:
    return (found[1] or found[2] or "") if found.lastindex else ""


def file(path: str) -> str:
    """Return the last folder and the name of a file, without hashes, versions and line numbers.

    The rest of the path is left out, because it depends on where the application is installed. The
    host and the query of a URL are left out, too.
    """
    if path in _NOBODY:
        return ""
    path = path.partition("?")[0].replace("\\", "/")
    if scheme := _SCHEME.match(path):
        path = path[scheme.end() :].partition("#")[0]
    path = path[-_MAX_PATH:]
    *folders, last = path.split("/")
    last = _VOLATILE.sub("", last)
    for folder in reversed(folders):
        if not folder.endswith(":") and (kept := _VOLATILE.sub("", folder).strip(".")):
            return f"{kept}/{last}"
    return last


def bundle(module: str) -> str:
    """Return a JavaScript module without generated parts.

    SDKs name these modules by their file: `routes:cart`, `index-BxKT9a_q`.
    """
    return _VOLATILE.sub("", f"{module[:MAX_NAME]}.js")[:-3]
