import { expect, test } from "bun:test";
import { InvalidDocument } from "./check.ts";
import { digestOf } from "./digest.ts";
import { parseImageConfig } from "./image-config.ts";
import { parseImageLayout } from "./oci-layout.ts";

const smallest = {
  architecture: "amd64",
  os: "linux",
  rootfs: { type: "layers", diff_ids: [digestOf("a")] },
};

test("parseImageConfig() reads the smallest config and keeps what it does not know", () => {
  const config = parseImageConfig(JSON.stringify({ ...smallest, "moby.buildkit.cache": 1 }));
  expect(config.rootfs.diff_ids).toEqual([digestOf("a")] as unknown as typeof config.rootfs.diff_ids);
  expect(config).toHaveProperty(["moby.buildkit.cache"], 1);
});

test("parseImageConfig() takes null for every optional field", () => {
  const config = {
    Env: null,
    Cmd: null,
    Entrypoint: null,
    Volumes: null,
    Labels: null,
    ExposedPorts: null,
    OnBuild: null,
  };
  expect(
    parseImageConfig(JSON.stringify({ ...smallest, config, history: null, created: null })).config,
  ).toEqual({});
});

test.each([{ type: "layers" }, { type: "layers", diff_ids: null }])(
  "parseImageConfig() takes %j for an image without layers",
  (rootfs) => expect(parseImageConfig(JSON.stringify({ ...smallest, rootfs })).rootfs.diff_ids).toEqual([]),
);

test.each([
  {
    says: "rootfs.type is not layers",
    change: { rootfs: { type: "tarballs", diff_ids: [] } },
    at: ["rootfs", "type"],
  },
  {
    says: "a diffID is a path",
    change: { rootfs: { type: "layers", diff_ids: ["sha256:.."] } },
    at: ["rootfs", "diff_ids", 0],
  },
  { says: "Env is text", change: { config: { Env: "A=b" } }, at: ["config", "Env"] },
  {
    says: "Entrypoint holds a number",
    change: { config: { Entrypoint: ["a", 1] } },
    at: ["config", "Entrypoint", 1],
  },
  { says: "created is not a time", change: { created: "yesterday" }, at: ["created"] },
  { says: "architecture is missing", change: { architecture: undefined }, at: ["architecture"] },
])("config.md: $says", ({ change, at }) => {
  try {
    parseImageConfig(JSON.stringify({ ...smallest, ...change }));
    expect.unreachable();
  } catch (error) {
    expect((error as InvalidDocument).context.issues.map(({ path }) => path)).toEqual([at]);
  }
});

test("parseImageLayout() reads version 1 and refuses others", () => {
  expect(parseImageLayout('{"imageLayoutVersion":"1.0.0"}')).toEqual({ imageLayoutVersion: "1.0.0" });
  for (const text of ['{"imageLayoutVersion":"2.0.0"}', "{}", '{"imageLayoutVersion":1}'])
    expect(() => parseImageLayout(text)).toThrow(InvalidDocument);
});
