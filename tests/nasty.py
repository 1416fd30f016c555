"""Thirty texts that want to become markup, script or a request, for wherever the page shows what it was told.

Each would set `window.hit` or ask another host. `evil.example` is reserved (RFC 2606): nobody answers there.
"""

TEXTS = (
    "<script>window.hit=1</script>",
    "<img src=x onerror=window.hit=1>",
    '<img src="http://evil.example/a.png">',
    "<svg onload=window.hit=1>",
    "<svg><script>window.hit=1</script></svg>",
    "<iframe src='javascript:parent.hit=1'></iframe>",
    "<iframe srcdoc='<script>parent.hit=1</script>'></iframe>",
    "<a href='javascript:window.hit=1' autofocus onfocus=window.hit=1>go</a>",
    "<details open ontoggle=window.hit=1>x</details>",
    "<input autofocus onfocus=window.hit=1>",
    "<video><source onerror=window.hit=1></video>",
    "<style>@import 'http://evil.example/a.css';</style>",
    "<div style='background:url(http://evil.example/b.png)'>x</div>",
    "<link rel=stylesheet href=http://evil.example/c.css>",
    "<meta http-equiv=refresh content='0;url=http://evil.example/'>",
    "<base href=http://evil.example/>",
    "<form action=http://evil.example/><button autofocus>x</button></form>",
    "<object data=http://evil.example/d></object>",
    "<math><mtext><img src=x onerror=window.hit=1></mtext></math>",
    '"><img src=x onerror=window.hit=1>',
    "' onmouseover='window.hit=1' x='",
    '" autofocus onfocus="window.hit=1" x="',
    "&lt;img src=x onerror=window.hit=1&gt;",
    "&#60;script&#62;window.hit=1&#60;/script&#62;",
    "${window.hit=1}",
    "{{constructor.constructor('window.hit=1')()}}",
    "`;window.hit=1;`",
    "![x](http://evil.example/e.png) [y](javascript:window.hit=1)",
    "</textarea></title></style></script><script>window.hit=1</script>",
    "javascript:window.hit=1//\u2028window.hit=1",
)
