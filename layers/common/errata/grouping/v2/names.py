"""Removes generated parts from the names of functions, classes, modules and files. Frozen with v2.

Compilers, bundlers and runtimes number things without a name. They add hashes, versions and
addresses to other names. The patterns here guess which parts are generated. If a pattern matches
too much, different errors share an issue. If it matches too little, every build gets a new issue.
"""

import re
from functools import lru_cache

# Only the start of a name and the end of a path are used. The rest does not help.
MAX_NAME = 256
_MAX_PATH = 512

_NOBODY = frozenset(
    (
        *("?", "<anonymous>", "<unknown>", "anonymous", "(anonymous)", "async", "<module>"),
        *("<main>", "{main}", "<top (required)>"),
    )
)
# Every match of `_GENERATED` contains one of these. These checks are faster.
_SUSPECT = re.compile(r"[\d@{$\[]")
_SUSPECT_PHP = re.compile(r"\\__CG__|Container\w{7}\\")
# A hash has digits on both sides of letters, or starts with a digit. `facade1a` is a word.
_HASH = r"(?=[a-f]*+\d++[a-f]++\d|\d++[a-f]|[a-f]{1,3}\d{5})[0-9a-f]{8,}+(?![0-9A-Za-z])"
# Skips what no alternative of `_GENERATED` starts with.
_SKIP = r"""(?!
    [ikm-rt-zBE-FH-OQ-Z] | \.(?!func|cold|isra|constprop|part|lto_priv|llvm)
  | _(?![\W\d_]|closure|h?[0-9a-f]{8}|[0-9a-f]++>)
  | (?<=[0-9A-Za-z])(?!anonfun|block_invoke|com\.|deferwrap|gowrap|jdk|lambda)[a-rt-z]
)"""
# Text in a group is kept.
_GENERATED = re.compile(
    rf"""{_SKIP}(?:
    (@anonymous)(?:(?!::|->).)+                        # PHP: class@anonymous<NUL>/cart.php:12$0
  | (?<=\{{closure):[^}}]*+                            # PHP 8.4: {{closure:Cart::total():42}}
  | /?0x[0-9A-Fa-f]++                                  # Java: $$Lambda$14/0x00007f01
  | __[_-]?\d++_\d++$                                  # Ruby: _index_html_erb___3847928374_4729
  | (?<=CGLIB|Guice)\$\$[0-9a-f]++                     # Spring: $$EnhancerBySpringCGLIB$$3f2ab1c9
  | \$(?:HibernateProxy|ByteBuddy|MockitoMock)\$\w++   # Java: Cart$HibernateProxy$aB3dE9fG
  | (?:\$Proxy\$)?_\$\$_(?:jvst|javassist|Weld)\w*+    # Java: Cart_$$_jvst3a2_1
  | (?:jdk|com\.sun)\.proxy\d*+\.(?=\$Proxy)           # Java: jdk.proxy2.$Proxy45
  | ((?:lambda|anonfun)\$\w++)\$\d++                   # Java: lambda$total$0; Scala
  | (?<=\$Lambda)\$\d++ | (?<=access)\$\d++
  | (?<=^Script)\d++(?!\w)                             # Groovy
  | (\$r8\$lambda)\$[\w-]++ | (?<=SyntheticLambda)\d++    # Android
  | \ \[clone\ [^\]]*+\]                               # GCC: total(int) [clone .isra.0]
  | (?<=Proxy)_\d++(?!\w)                              # .NET: Castle.Proxies.CartProxy_1
  | \ ?[@\#]\d++(?!\w)                                 # {{closure#0}}; Swift: closure #1 in f
  | (?<=<lambda)_[0-9a-f]++(?=>)                       # MSVC: <lambda_3f2a1bc9d8e7f6a5>
  | (\.func|gowrap|deferwrap|-range|_closure|block_invoke|-fun-|Accessor|\$Proxy|DisplayClass
    |>[bd]__|lambda_method)_?\d++(?:[._]\d++)*+        # Go: .func1.2; .NET: <F>b__3_0
  | (?<=\w)\|\d++_\d++                                 # .NET: <F>g__Inner|3_0
  | \[\.\.\.\] | \[go\.shape\.(?:[^\[\]]|\[[^\[\]]*+\])*+\]    # Go: Sum[...], Sum[go.shape.int]
  | (?:\.(?:cold|isra|constprop|part|lto_priv|llvm)(?:\.\d++)?+)++(?!\w)    # GCC: total.isra.0
  | (?<=C)s[0-9A-Za-z]{{6,12}}_(?=\d++\w)              # Rust: _RNvCs6xxl1lAjzDf_1a5total
  | (?<![0-9A-Za-z_])(Container)(?![A-Z][a-z]{{6}})\w{{7}}(?=[\\])     # Symfony: ContainerAbCdEf1
  | Proxies\\__CG__\\                                  # Doctrine: Proxies\__CG__\App
  | (Ghost|Proxy)(?=\w{{0,6}}\d)[0-9A-F]?+[0-9a-f]{{6,7}}(?![0-9A-Za-z])   # CartGhostEbeb667
  | (?<!_)_*+(?<![0-9A-Za-z])h?{_HASH}                 # Rust: ::h3f2a1bc9d8e7
  | (?:(?<!_)_++-?|-|(?<![0-9A-Za-z_]))\d{{5,}}+
    )""",
    re.VERBOSE | re.DOTALL,
)

_SCHEME = re.compile(r"(?:[A-Za-z][A-Za-z0-9+-]+:)++(?://[^/]*+)?")
# Skips what no alternative of `_VOLATILE` starts with.
_START = r"(?:^|(?=[-_.@~](?:v?\d|[\w-]{6})|[A-Fa-f][0-9A-Fa-f]{7}|:?\d))"
_VOLATILE = re.compile(
    _START
    + r"""(?:
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
  | ^\d++(?=[\w.-]*+(?<=js)$)                                        # 117-9d8e7f6a.js (Next)
  | [-.~](?=[a-z0-9]{8}\.(?:chunk\.)?[cm]?js$)(?=[a-z]*+\d)(?![a-z]++\d\d?\.)[a-z0-9]{8}
  | _(?=[a-f]*+\d)[0-9a-f]{6,8}(?=(?:\._)?\.js$)                     # src_cart_3f2a1b._.js
  | ^(?=[\w-]{0,20}\d)(?=[\w-]{0,20}[A-Z])(?=[\w-]{0,20}[a-z])[\w-]{21}$   # a build of Next
  | ^Container(?![A-Z][a-z]{6})\w{7}$                          # ContainerAbCdEf1 (Symfony)
  | ^_MEI\w++ | (?<=ipykernel)_\d++ | (?<=ipython-input)-\d++        # PyInstaller, notebooks
    )""",
    re.VERBOSE,
)

# Nothing in such a part of a path is volatile: words, each with at most one capital, and no digit.
# Most are such words, and this check is faster.
_PLAIN = re.compile(r"(?!Container)(?:[A-Z-]?+(?![A-Fa-f]{4}-)[a-z_.:]++)*+")

# A cache puts a file into a folder of the first digits of its hash: 3f/3f2a1bc9.php.
_FAN = re.compile(r"[0-9a-f]{2}")
# Folders of the users' homes.
_HOMES = ("home", "Users")


def name(text: str) -> str:
    """Return the name of a function, class or module without generated parts.

    Returns "" for an anonymous one.
    """
    text = text[:MAX_NAME]
    if text in _NOBODY:
        return ""
    if _SUSPECT.search(text) or ".cold" in text or ("\\" in text and _SUSPECT_PHP.search(text)):
        text = _GENERATED.sub(_kept, text)
    return text.strip()


def _kept(found: re.Match[str]) -> str:
    return found[found.lastindex] if found.lastindex else ""


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
    # Blade names a compiled view by the hash of the view's path.
    if not (folders and folders[-1] == "views" and last.endswith(".php")):
        last = _stable(last)
    if len(folders) > 1 and folders[-2] in _HOMES:
        folders.pop()
    if last.startswith(".") and folders and _FAN.fullmatch(folders[-1]):
        folders.pop()
    for folder in reversed(folders):
        if not folder.endswith(":") and (kept := _stable(folder).strip(".")):
            return f"{kept}/{last}"
    return last


def bundle(module: str) -> str:
    """Return a JavaScript module without generated parts.

    SDKs name these modules by their file: `routes:cart`, `index-BxKT9a_q`.
    """
    return _stable(f"{module[:MAX_NAME]}.js")[:-3]


def _stable(part: str) -> str:
    """Return a part of a path without hashes, versions and line numbers."""
    return part if _PLAIN.fullmatch(part) else _without_volatile(part)


@lru_cache(512)
def _without_volatile(part: str) -> str:
    return _VOLATILE.sub("", part)
