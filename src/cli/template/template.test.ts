import { describe, expect, test } from "bun:test";
import { compileTemplate } from "./evaluate.ts";
import { formatList } from "./list.ts";

const DATA = {
  Name: "web",
  State: { Running: true, Pid: 42, Error: "" },
  Ports: { "80/tcp": [{ HostPort: "8080" }], "443/tcp": null },
  Env: ["A=1", "B=2"],
  Empty: [],
  Label: (name: unknown) => `label of ${String(name)}`,
};

const cases: [string, string][] = [
  ["plain", "plain"],
  ["{{.Name}}", "web"],
  ["{{ .State.Pid }}-{{.State.Running}}", "42-true"],
  ["{{json .State}}", '{"Running":true,"Pid":42,"Error":""}'],
  ["{{.Env}}", "[A=1 B=2]"],
  ["{{.State}}", "map[Error: Pid:42 Running:true]"],
  ['{{join .Env ","}}', "A=1,B=2"],
  ['{{.Name | upper | printf "<%s>"}}', "<WEB>"],
  ["{{if .State.Running}}up{{else}}down{{end}}", "up"],
  ["{{if .State.Error}}bad{{else if .Empty}}odd{{else}}good{{end}}", "good"],
  ["{{range .Env}}[{{.}}]{{end}}", "[A=1][B=2]"],
  ["{{range $i, $e := .Env}}{{$i}}:{{$e}} {{end}}", "0:A=1 1:B=2 "],
  ["{{range .Empty}}x{{else}}none{{end}}", "none"],
  [
    "{{range $port, $on := .Ports}}{{$port}}{{with $on}}->{{(index . 0).HostPort}}{{end}} {{end}}",
    "443/tcp 80/tcp->8080 ",
  ],
  ["{{with .State}}{{.Pid}} {{$.Name}}{{end}}", "42 web"],
  ["{{$x := .Name}}{{$x}}{{$x}}", "webweb"],
  ['{{(index (index .Ports "80/tcp") 0).HostPort}}', "8080"],
  ["{{index .Env 1}}", "B=2"],
  ["{{len .Env}} {{len .Name}}", "2 3"],
  [
    '{{eq .Name "web" "x"}} {{ne .Name "x"}} {{and true .Empty}} {{or .Empty "y"}} {{not .Empty}}',
    "true true [] y true",
  ],
  ["{{gt .State.Pid 41}}", "true"],
  ["a {{- .Name -}} b", "awebb"],
  ["{{/* no */}}x", "x"],
  ['{{.Label "a.b"}}', "label of a.b"],
  ['{{"}}"}}{{`raw "x"`}}', '}}raw "x"'],
  ["{{slice .Name 0 2}}", "we"],
  ['{{range split "a,b" ","}}{{println .}}{{end}}', "a\nb\n"],
  // What comes after the one that decides is not looked at.
  ['{{if and .Empty (eq .Empty.None "x")}}y{{else}}n{{end}}', "n"],
  ["{{or .Name .Empty.None}} {{.State | and .Name | len}}", "web 3"],
  // A label that is not there is no text, where Go's fields that are not there are a mistake.
  ['[{{index .Ports "nosuch"}}]', "[]"],
  [
    '{{printf "%.2s|%-5s|%5s|%05d|%x|%.1f|%q|%T|%%" .Name "a" "b" 42 255 1.5 "q" true}}',
    'we|a    |    b|00042|ff|1.5|"q"|bool|%',
  ],
  ['{{printf "%d %s %s" "a" 1}}{{printf "x" 1}}', "%!d(string=a) %!s(int=1) %!s(MISSING)x%!(EXTRA int=1)"],
  ["{{range .Env}}{{if eq . `B=2`}}{{break}}{{end}}{{.}}{{end}}", "A=1"],
  ["{{range .Env}}{{.}}{{continue}}x{{end}}", "A=1B=2"],
  ["{{html `<a & 'b'>`}} {{js `it's`}} {{urlquery `a b&c`}}", "&lt;a &amp; &#39;b&#39;&gt; it\\'s a+b%26c"],
  ["{{len `é`}}", "2"],
];
test.each(cases)("%s", (template, want) => expect(compileTemplate(template)(DATA)).toBe(want));

describe("a template is refused", () => {
  test.each([
    ["{{.Name", "unclosed action"],
    ["{{if .Name}}x", "an {{end}} is missing"],
    ["{{end}}", "unexpected {{end}}"],
    ["{{}}", "missing value for command"],
    ["{{.Name | }}", "missing value for command"],
    ["{{(.Name}}", "unclosed left paren"],
    ["{{.Name ~}}", 'unexpected "~"'],
    ["{{nosuch .Name}}", 'function "nosuch" not defined'],
    ["{{break}}", 'function "break" not defined'],
  ])("%s: %s", (template, why) => expect(() => compileTemplate(template)).toThrow(why));

  test.each([
    ["{{.Nothing}}", 'map has no entry for key "Nothing"'],
    ["{{.constructor}}", 'map has no entry for key "constructor"'],
    ["{{index .Env 2}}", "error calling index: index out of range: 2"],
    ['{{index .State.None "x"}}', 'map has no entry for key "None"'],
    ['{{(index (index .Ports "443/tcp") 0).HostPort}}', "error calling index: index of untyped nil"],
    ['{{(index (index .Ports "1/tcp") 0).HostPort}}', "error calling index: can't index item of type string"],
    ["{{len true}}", "error calling len: len of type boolean"],
    ["{{$y}}", 'undefined variable "$y"'],
    ['{{.Name "x"}}', "can't give argument to non-function"],
  ])("when it is used: %s: %s", (template, why) =>
    expect(() => compileTemplate(template)(DATA)).toThrow(why),
  );
});

test("formatList() makes lines, tables and objects", () => {
  const items = [
    { ID: "1", Names: "web" },
    { ID: "22", Names: "database" },
  ];
  expect(formatList("{{.Names}}\\t{{.ID}}", items, {})).toBe("web\t1\ndatabase\t22\n");
  expect(formatList("table {{.ID}}\\t{{.Names}}", items, { ID: "CONTAINER ID", Names: "NAMES" })).toBe(
    "CONTAINER ID   NAMES\n1              web\n22             database\n",
  );
  expect(formatList("json", items.slice(0, 1), {})).toBe('{"ID":"1","Names":"web"}\n');
});
