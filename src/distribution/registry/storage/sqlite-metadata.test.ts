import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasCode } from "../../../base/index.ts";
import { digestOf, type RepositoryName, type Tag } from "../../../spec/index.ts";
import { openDatabase } from "./database.ts";
import { metadataSuite } from "./metadata-suite.ts";
import { openMetadata } from "./sqlite-metadata.ts";

const folder = mkdtempSync(join(tmpdir(), "teu-metadata-"));
afterAll(() => rmSync(folder, { recursive: true }));
let count = 0;
const newPath = (): string => join(folder, `${count++}.db`);

describe("SqliteMetadata", () => {
  metadataSuite((policy) => openMetadata(newPath(), policy));

  test("keeps what it was told", async () => {
    const path = newPath();
    const name = "a" as RepositoryName;
    {
      using metadata = openMetadata(path);
      await Promise.all(
        Array.from({ length: 50 }, (_, index) => metadata.linkBlob(name, digestOf(`${index}`), index)),
      );
    }
    using again = openMetadata(path);
    expect(again.blob(name, digestOf("49"))).toBe(49);
  });

  test("what was asked for lately is what is there, whoever changed it, and never what a transaction took back", async () => {
    using metadata = openMetadata(newPath());
    const name = "a" as RepositoryName;
    const tag = { kind: "tag", tag: "t" as Tag } as const;
    const put = (text: string): Promise<void> =>
      metadata.putManifest(name, { ...link(text), children: [], required: [] }, [tag.tag]);
    const link = (text: string) => ({ mediaType: "m", digest: digestOf(text), size: 3 });
    await put("one");
    expect([metadata.manifest(name, tag), metadata.manifest(name, tag)]).toEqual([link("one"), link("one")]);
    await put("two");
    expect(metadata.manifest(name, tag)).toEqual(link("two"));
    const undone = metadata.database.transaction(() => {
      metadata.database.run("UPDATE manifests SET size = 4");
      expect(metadata.manifest(name, tag)?.size).toBe(4);
      throw new Error("undone");
    });
    expect(undone).toThrow("undone");
    expect(metadata.manifest(name, tag)).toEqual(link("two"));
    metadata.database.run("DELETE FROM manifests WHERE digest = ?", [digestOf("two")]);
    expect(metadata.manifest(name, tag)).toBeUndefined();
  });

  test("finds the tags that go with a manifest by its digest: it looked at all tags of the repository", () => {
    const database = openDatabase(newPath());
    const plan = database
      .query<{ detail: string }, []>(
        "EXPLAIN QUERY PLAN DELETE FROM manifests WHERE repository = 1 AND digest = 'x'",
      )
      .all()
      .map(({ detail }) => detail);
    expect(plan).toContain("SEARCH tags USING INDEX tags_digest (repository=? AND digest=?)");
    database.close();
  });

  test("does not touch what a newer teu wrote", () => {
    const path = newPath();
    const database = openDatabase(path);
    database.run("PRAGMA user_version = 1000");
    database.close();
    let failure: unknown;
    try {
      openMetadata(path);
    } catch (error) {
      failure = error;
    }
    expect(hasCode(failure, "registry-too-new")).toBe(true);
  });
});
