import { expect, test } from "bun:test";
import type { ExecutionConfig } from "../../spec/index.ts";
import { applyConfigChanges, parseConfigChange } from "./config-change.ts";

const changed = (config: ExecutionConfig, ...texts: string[]) =>
  applyConfigChanges(config, texts.map(parseConfigChange));

const cases: { text: string; before?: ExecutionConfig; want: ExecutionConfig }[] = [
  { text: 'CMD ["a", "b c"]', want: { Cmd: ["a", "b c"] } },
  { text: "cmd a b", want: { Cmd: ["/bin/sh", "-c", "a b"] } },
  { text: 'ENTRYPOINT ["x"]', before: { Cmd: ["old"] }, want: { Entrypoint: ["x"] } },
  {
    text: "ENV A=1 B='two words'",
    before: { Env: ["A=0", "C=3"] },
    want: { Env: ["C=3", "A=1", "B=two words"] },
  },
  { text: "ENV A one two", want: { Env: ["A=one two"] } },
  { text: "EXPOSE 80 53/udp", want: { ExposedPorts: { "80/tcp": {}, "53/udp": {} } } },
  { text: 'LABEL a=b "c=d e"', before: { Labels: { a: "x" } }, want: { Labels: { a: "b", c: "d e" } } },
  { text: "ONBUILD RUN x", want: { OnBuild: ["RUN x"] } },
  { text: "STOPSIGNAL SIGINT", want: { StopSignal: "SIGINT" } },
  { text: "USER nobody:x", want: { User: "nobody:x" } },
  { text: 'VOLUME ["/a"]', want: { Volumes: { "/a": {} } } },
  { text: "VOLUME /a /b", want: { Volumes: { "/a": {}, "/b": {} } } },
  { text: "WORKDIR b", before: { WorkingDir: "/a" }, want: { WorkingDir: "/a/b" } },
];
test.each(cases)("--change $text", ({ text, before = {}, want }) => {
  expect(changed(before, text)).toEqual(want);
});

test("applyConfigChanges() keeps the command that comes with an entry point, in either order", () => {
  const want = { Entrypoint: ["x"], Cmd: ["new"] };
  const before = { Cmd: ["old"] };
  expect(changed(before, 'CMD ["new"]', 'ENTRYPOINT ["x"]')).toEqual(want);
  expect(changed(before, 'ENTRYPOINT ["x"]', 'CMD ["new"]')).toEqual(want);
});

test.each(["FROM x", "CMD", "ENV A", "LABEL =x", "EXPOSE many"])("parseConfigChange() refuses %s", (text) => {
  expect(() => parseConfigChange(text)).toThrow("Invalid change");
});
