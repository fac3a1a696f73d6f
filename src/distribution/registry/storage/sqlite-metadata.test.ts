import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasCode } from "../../../base/index.ts";
import { digestOf, type RepositoryName } from "../../../spec/index.ts";
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
