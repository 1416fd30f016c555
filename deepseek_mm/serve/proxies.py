"""Tells the people of this machine from callers whom a proxy brings to it: those come from elsewhere.

A proxy leaves traces in what it passes on: headers of a few families, or HTTP/1.0, which no browser speaks and which is
what nginx speaks where nobody configured more. Names are compared in lower case, with "_" as "-". What browsers and
HTTP clients send by themselves has none of these traces.
"""

import re

from starlette.requests import HTTPConnection

from deepseek_mm.serve.origins import address_of, host_name, is_loopback

CONTAINED = ("forward", "proxy")  # X-Forwarded-For and its many kin, X-ProxyUser-Ip, WL-Proxy-Client-IP, X-Nginx-Proxy
BEGINNINGS = (
    "x-real-",  # nginx
    "x-original",  # ingress-nginx, IIS, Azure
    "x-remote-",
    "x-envoy-",
    "x-traefik-",
    "x-arr-",  # IIS as a proxy
    "x-ssl-",
    "ssl-client-",
    "x-azure-",
    "x-fd-",  # Azure Front Door
    "x-ms-client-principal",
    "x-amzn-",
    "x-amz-cf-",
    "cloudfront-",
    "x-appengine-",
    "x-goog-iap-",
    "x-goog-authenticated-",
    "cf-",  # Cloudflare
    "fly-",
    "fastly-",
    "x-fastly-",
    "akamai-",
    "x-akamai-",
    "x-vercel-",
    "x-nf-",  # Netlify
    "x-railway-",
    "rndr-",  # Render
    "tailscale-",
    "x-authentik-",
    "x-auth-request-",  # oauth2-proxy
    "x-sucuri-",
    "incap-",
    "cdn-",
)
NAMES = {
    "via",
    "x-via",
    "x-host",
    "x-scheme",
    "x-url-scheme",
    "x-script-name",
    "x-ingress-path",
    "x-rewrite-url",
    "x-replaced-path",
    "x-request-start",
    "x-queue-start",
    "x-varnish",
    "x-cloud-trace-context",
    "x-iinfo",
    "front-end-https",
    "surrogate-capability",
    "remote-user",
    "remote-addr",
}
ADDRESS = re.compile(r"(?:.*-)?(?:client|connecting|originating|real|remote|socket|source|src|true|user)?ip(?:v[46])?")


def is_local(asking: HTTPConnection) -> bool:
    """Whether somebody on this machine asks: from a loopback address, by a loopback name, and past no proxy."""
    client = address_of(asking.client.host) if asking.client else None
    elsewhere = client is not None and not client.is_loopback
    named = is_loopback(host_name(asking.headers.get("host", "")))
    return named and not elsewhere and not came_through_proxy(asking)


def came_through_proxy(asking: HTTPConnection) -> bool:
    """Whether the request shows traces of a proxy."""
    return asking.scope.get("http_version") == "1.0" or any(is_trace(name) for name in asking.headers)


def is_trace(header: str) -> bool:
    """Whether proxies add a header of this name, and callers do not."""
    name = header.lower().replace("_", "-")
    return (
        name in NAMES
        or name.startswith(BEGINNINGS)
        or any(part in name for part in CONTAINED)
        or ADDRESS.fullmatch(name) is not None
    )
