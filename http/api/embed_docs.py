#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turns the interface description into one page for people: embed_docs.py OPENAPI.yaml OUT.cpp

The page holds all it needs: no script, no image, nothing that is loaded from elsewhere. Its links lead to
itself and to /openapi.json.
"""
import html
import json
import re
import sys

import yaml

from embed_openapi import constant

STYLE = """
:root{color-scheme:light dark;--line:#8884;--soft:#8881;--dim:#777;
--get:#2a6fb0;--post:#2c8a4b;--put:#a56a00;--delete:#b83a3a}
*{box-sizing:border-box}
body{margin:0;font:16px/1.55 system-ui,sans-serif}
code,pre{font:.875em/1.5 ui-monospace,monospace}
code{background:var(--soft);padding:.1em .3em;border-radius:4px;overflow-wrap:anywhere}
pre{background:var(--soft);border:1px solid var(--line);border-radius:6px;padding:.75em 1em;overflow:auto}
pre{max-height:24em}
pre code{background:none;padding:0}
a{color:inherit}
nav{padding:1.5rem;border-bottom:1px solid var(--line)}
nav h2{font-size:.8rem;letter-spacing:.06em;text-transform:uppercase;color:var(--dim);margin:1.2em 0 .3em}
nav ul{list-style:none;margin:0;padding:0}
nav li{margin:.15em 0}
nav a{text-decoration:none}
nav a:hover{text-decoration:underline}
main{padding:1.5rem;max-width:60rem}
h1{margin:0 0 .2em}
section{border-top:1px solid var(--line);padding-top:1rem;margin-top:2.5rem}
h2,h3,h4{line-height:1.3}
h3{font-size:1.15rem;margin:2.2em 0 .3em}
h4{font-size:.8rem;letter-spacing:.06em;text-transform:uppercase;color:var(--dim);margin:1.4em 0 .4em}
table{border-collapse:collapse;width:100%;font-size:.95em}
th,td{text-align:left;vertical-align:top;padding:.45em .8em .45em 0;border-bottom:1px solid var(--line)}
td:first-child{white-space:nowrap}
td p{margin:0}
.verb{display:inline-block;min-width:4.2em;font:700 .8em ui-monospace,monospace}
.get{color:var(--get)}.post{color:var(--post)}.put{color:var(--put)}.delete{color:var(--delete)}
.dim{color:var(--dim);font-size:.9em}
@media(min-width:64rem){body{display:grid;grid-template-columns:20rem 1fr}
nav{border:0;border-right:1px solid var(--line);height:100vh;position:sticky;top:0;overflow:auto}
main{padding:2rem 3rem}}
@media(max-width:40rem){td:first-child{white-space:normal}}
"""


def inline(text):
    text = html.escape(" ".join(text.split()), quote=False)
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", text)
    return re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", text)


def prose(text):
    """Paragraphs and lists, which is all of Markdown that the description uses."""
    out = []
    for block in re.split(r"\n\s*\n", (text or "").strip()):
        before, *items = re.split(r"(?:^|\n)- ", block)
        if before.strip():
            out.append(f"<p>{inline(before)}</p>")
        if items:
            out.append("<ul>" + "".join(f"<li>{inline(item)}</li>" for item in items) + "</ul>")
    return "".join(out)


class Page:
    def __init__(self, document):
        self.document = document

    def followed(self, value):
        while "$ref" in value:
            target = self.document
            for step in value["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            value = {**target, **{key: inner for key, inner in value.items() if key != "$ref"}}
        return value

    def kind(self, schema):
        """A type in a few words, with a link where it has a name."""
        if "$ref" in schema:
            name = schema["$ref"].rsplit("/", 1)[1]
            return f'<a href="#{name}">{name}</a>'
        if "const" in schema:
            return f"<code>{html.escape(json.dumps(schema['const']))}</code>"
        if "enum" in schema:
            return " | ".join(f"<code>{html.escape(str(one))}</code>" for one in schema["enum"])
        if "oneOf" in schema:
            return " | ".join(self.kind(one) for one in schema["oneOf"])
        kind = schema.get("type", "any")
        if kind == "array":
            return f"array of {self.kind(schema.get('items', {}))}"
        return " | ".join(kind) if isinstance(kind, list) else kind

    @staticmethod
    def bounds(schema):
        words = {"minimum": "from {}", "exclusiveMinimum": "above {}", "maximum": "to {}",
                 "minLength": "from {} characters", "maxLength": "to {} characters", "maxProperties": "at most {}",
                 "default": "default {}"}
        return ", ".join(words[key].format(json.dumps(schema[key])) for key in words if key in schema)

    def rows(self, members):
        """`members`: name, schema, required, description."""
        out = ["<table>"]
        for name, schema, required, description in members:
            bounds = self.bounds(schema)
            need = " <span class=dim>required</span>" if required else ""
            limits = f" <span class=dim>{html.escape(bounds)}</span>" if bounds else ""
            out.append(f"<tr><td><code>{html.escape(name)}</code>{need}</td><td>{self.kind(schema)}{limits}"
                       f"{prose(description)}</td></tr>")
        return "".join(out) + "</table>"

    def fields(self, schema):
        needed = schema.get("required", [])
        return self.rows((name, inner, name in needed, inner.get("description"))
                         for name, inner in schema.get("properties", {}).items())

    def content(self, content):
        out = []
        for media, what in content.items():
            schema = what.get("schema")
            out.append(f"<p><code>{media}</code>{': ' + self.kind(schema) if schema else ''}</p>")
            if schema and "$ref" not in schema and "properties" in schema:
                out.append(self.fields(schema))
            for example in what.get("examples", {}).values():
                summary = f"<p class=dim>{inline(example['summary'])}</p>" if "summary" in example else ""
                text = html.escape(json.dumps(example["value"], indent=2, ensure_ascii=False), quote=False)
                out.append(f"{summary}<pre><code>{text}</code></pre>")
        return "".join(out)

    def parameters(self, parameters):
        groups = {}
        for one in map(self.followed, parameters):
            groups.setdefault(one["in"], []).append(one)
        return "".join(
            f"<h4>In the {where}</h4>" + self.rows((one["name"], one.get("schema", {}), one.get("required", False),
                                                    one.get("description")) for one in group)
            for where, group in groups.items())

    def answer(self, status, answer):
        answer = self.followed(answer)
        content = answer.get("content", {})
        problem = list(content) == ["application/problem+json"]
        headers = "".join(f"<p class=dim>Header <code>{name}</code> {inline(one.get('description', ''))}</p>"
                          for name, one in ((name, self.followed(one)) for name, one in
                                            answer.get("headers", {}).items()))
        body = "" if problem else self.content(content)
        return f"<tr><td><code>{status}</code></td><td>{prose(answer['description'])}{headers}{body}</td></tr>"

    def operation(self, method, path, item, operation):
        out = [f'<h3 id="{operation["operationId"]}"><span class="verb {method}">{method.upper()}</span>'
               f"<code>{html.escape(path)}</code></h3>", f"<p>{inline(operation['summary'])}.</p>",
               prose(operation.get("description"))]
        if operation.get("security") == []:
            out.append("<p class=dim>No credentials are needed.</p>")
        out.append(self.parameters(item.get("parameters", []) + operation.get("parameters", [])))
        if body := operation.get("requestBody"):
            out.append(f"<h4>Body</h4>{prose(body.get('description'))}{self.content(body['content'])}")
        out.append("<h4>Answers</h4><table>")
        out += [self.answer(status, answer) for status, answer in operation["responses"].items()]
        return "".join(out) + "</table>"

    def schema(self, name, schema):
        out = [f'<h3 id="{name}"><code>{name}</code></h3>', prose(schema.get("description"))]
        if "properties" in schema:
            out.append(self.fields(schema))
        elif name != "Output":
            pattern = f" <code>{html.escape(schema['pattern'])}</code>" if "pattern" in schema else ""
            out.append(f"<p>{self.kind(schema)}{pattern} <span class=dim>{self.bounds(schema)}</span></p>")
        for one in schema.get("oneOf", []) if name == "Output" else []:
            out.append(self.fields(one) if "properties" in one else f"<p>{self.kind(one)}</p>")
        return "".join(out)

    def operations(self, tag):
        for path, item in self.document["paths"].items():
            for method in ("get", "post", "put", "delete"):
                if tag in item.get(method, {}).get("tags", []):
                    yield method, path, item, item[method]

    def text(self):
        info, tags = self.document["info"], self.document["tags"]
        schemas = self.document["components"]["schemas"]
        title = html.escape(info["title"])
        out = ['<!doctype html><html lang="en"><head><meta charset="utf-8">'
               '<meta name="viewport" content="width=device-width,initial-scale=1">'
               f"<title>{title}</title><style>{STYLE}</style></head>"
               f"<body><nav><a href=\"#top\"><strong>{title}</strong></a>"]
        for tag in tags:
            out.append(f"<h2>{tag['name']}</h2><ul>")
            out += [f'<li><a href="#{operation["operationId"]}">'
                    f'<span class="verb {method}">{method.upper()}</span>{html.escape(path)}</a></li>'
                    for method, path, _, operation in self.operations(tag["name"])]
            out.append("</ul>")
        out.append('<h2>more</h2><ul><li><a href="#schemas">Documents</a></li>'
                   '<li><a href="/openapi.json">openapi.json</a></li></ul></nav>')
        out.append(f'<main id="top"><h1>{title} <span class=dim>{html.escape(str(info["version"]))}</span></h1>'
                   f"{prose(info['description'])}<h4>Credentials</h4><table>")
        for name, scheme in self.document["components"]["securitySchemes"].items():
            how = (f"Header <code>{scheme['name']}</code>" if "name" in scheme
                   else f"<code>Authorization: {scheme['scheme'].title()}</code>")
            out.append(f"<tr><td>{name}</td><td>{how} {inline(scheme.get('description', ''))}</td></tr>")
        out.append("</table>")
        for tag in tags:
            out.append(f"<section><h2>{tag['name'].title()}</h2>{prose(tag['description'])}")
            out += [self.operation(*one) for one in self.operations(tag["name"])]
            out.append("</section>")
        out.append('<section id="schemas"><h2>Documents</h2>')
        out += [self.schema(name, schema) for name, schema in schemas.items()]
        return "".join(out) + "</section></main></body></html>\n"


def main():
    with open(sys.argv[1], encoding="utf-8") as source:
        page = Page(yaml.safe_load(source)).text()
    with open(sys.argv[2], "w", encoding="utf-8") as out:
        out.write(constant("docs_page", page))


if __name__ == "__main__":
    main()
