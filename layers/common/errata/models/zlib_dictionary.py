"""The zlib dictionary for events. Frozen: stored events cannot be read without it.

It contains texts that occur in many SDK events, in the order in which fields are packed. The most
frequent texts come last, because references to them are shortest there. It makes an event of 16 KB
a sixth smaller, and one of 8 KB from another client, too.

To improve it, add a second dictionary and keep this one. zlib stores the checksum of the dictionary
with the data (RFC 1950, section 2.2, DICTID). So a reader can tell which dictionary an event needs.
"""

_PARTS = (
    '"sdk":{"name":"sentry.python.flask","version":"2.","integrations":["argv","atexit","dedupe"',
    ',"excepthook","logging","modules","stdlib","threading","flask","django","fastapi","starlette"',
    ',"celery","redis","sqlalchemy"],"packages":[{"name":"pypi:sentry-sdk","version":"2."}]}',
    '"InboundFilters","FunctionToString","BrowserApiErrors","Breadcrumbs","GlobalHandlers"',
    ',"LinkedErrors","Dedupe","HttpContext","OnUncaughtException","OnUnhandledRejection"',
    ',"ContextLines","LocalVariables","NodeFetch","Http","Console","RequestData","Context"]',
    ',"packages":[{"name":"npm:@sentry/node","version":"10.',
    '"modules":{"urllib3":"2.","typing-extensions":"4.","setuptools":"8","requests":"2.3",',
    '"python-dateutil":"2.9.0","pydantic":"2.","packaging":"2","markupsafe":"3.0.","jinja2":"3.1.",',
    '"itsdangerous":"2.2.0","idna":"3.1","click":"8.","charset-normalizer":"3.4.","certifi":"202",',
    '"werkzeug":"3.1.","flask":"3.1.","fastapi":"0.1","starlette":"0.","django":"5.",',
    '"sqlalchemy":"2.0.","botocore":"1.","boto3":"1.","s3transfer":"0.1","six":"1.17.0"}',
    '"extra":{"sys.argv":["/usr/local/bin/","-m","manage.py"]}',
    '"contexts":{"trace":{"trace_id":"","span_id":"","parent_span_id":"","op":"http.server",',
    '"origin":"auto.http.","description":null,"dynamic_sampling_context":{"trace_id":"",',
    '"sample_rand":"0.","environment":"production","release":"","public_key":"","transaction":"",',
    '"sample_rate":"1.0","sampled":"true"}},"runtime":{"name":"CPython","version":"3.13.",',
    '"build":"3.13.0 (main, 2026, ) [GCC 14.2.0]"},"app":{"app_start_time":"2026-","app_memory":},',
    '"os":{"name":"Linux","version":"","kernel_version":"6."},"device":{"arch":"x86_64",',
    '"memory_size":,"free_memory":,"processor_count":},"culture":{"locale":"en-US",',
    '"timezone":"UTC"},"cloud_resource":{},"browser":{"name":"Chrome","version":"1',
    '"context":{"user":{"id":"","email":"","username":"","ip_address":"127.0.0.1"},"request":{',
    '"url":"https://","query_string":"","method":"GET","env":{"SERVER_NAME":"","SERVER_PORT":"443",',
    '"REMOTE_ADDR":""},"headers":{"Host":"","User-Agent":"Mozilla/5.0 (X11; Linux x86_64) ',
    'AppleWebKit/537.36 (KHTML, like Gecko) Chrome/1.0.0.0 Safari/537.36","Accept":"text/html,',
    'application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8","Accept-Language":"en-US,en;q=0.9",',
    '"Accept-Encoding":"gzip, deflate, br, zstd","Content-Type":"application/json",',
    '"Content-Length":"","Referer":"https://","Cookie":"[Filtered]","Authorization":"[Filtered]",',
    '"X-Forwarded-For":"","X-Forwarded-Proto":"https","Connection":"keep-alive"},"cookies":{},',
    '"data":{    def __init__(self, *args, **kwargs):","        super().__init__(","    async def ',
    '__call__(self, scope, receive, send):","        await self.app(scope, receive, send)",',
    '"        if response is None:","            raise ValueError(f\\"","        except Exception ',
    'as e:","        finally:","    @property","        return self.","        for name, value in ',
    'self.items():","        with self.","vars":{"environ":{"REQUEST_METHOD":"\'GET\'",',
    '"PATH_INFO":"\'/","QUERY_STRING":"\'\'","SCRIPT_NAME":"\'\'","HTTP_HOST":"\'","args":[],',
    '"kwargs":{},"request":"<Request","response":"None","exc":"None","name":"\'","value":"\'",',
    '"key":"\'","e":"","data":"None","<function  at 0x7f> object at 0x7f","<bound method ',
    '.<locals>.","<class \'"breadcrumbs":[{"type":"log","category":"console","message":"",',
    '"level":"info","timestamp":"2026-11-25T","data":{"logger":"console","arguments":[{"type":"http",',
    '"category":"httplib","data":{"url":"https://","method":"GET","http.query":"",',
    '"http.fragment":"","status_code":200,"reason":"OK"},"type":"default","category":"query",',
    '"category":"ui.click","category":"navigation","data":{"from":"/","to":"/"},"exceptions":[{',
    '"type":"Error","value":"","module":"builtins","mechanism":{"type":"generic","handled":true,',
    '"source":"__cause__","exception_id":0,"parent_id":0,"is_exception_group":true,"type":"chained",',
    '"type":"excepthook","handled":false,"type":"auto.node.onuncaughtexception","type":"logging"},',
    '"frames":[{"filename":"node:internal/","filename":"/app/node_modules/express/lib/router/',
    'index.js","function":"Object.<anonymous>","module":"@express.lib.router","colno":1,"in_app":',
    'false,"pre_context":["        "],"post_context":["        }","    }","  }","}",""],"in_app":',
    'false,"lineno":1,"vars":{"self":"<"},"in_app":true},{"filename":"app.py","abs_path":"/usr/local',
    '/lib/python3.13/site-packages/","module":"","function":"<module>","lineno":42,"in_app":true,',
    '"context_line":"        return ","pre_context":["","        try:","            ","        if ',
    '","    def "],"post_context":["        except ","            raise","","    def "],"vars":{',
    '"self":"<","args":[],"kwargs":{}}},{"filename":"',
)
OF_SDKS = "".join(_PARTS).encode()
