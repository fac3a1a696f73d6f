import { expect, test } from "bun:test";
import { utimesSync } from "node:fs";
import { join } from "node:path";
import { makeStore } from "../../test/support/engine-store.ts";
import { wholeStore } from "./open.ts";

// What a killed load or a pull that nobody repeated had fetched stayed for ever.
test("wholeStore() removes content in the making that nobody took up for a day", () => {
  using made = makeStore();
  const { content } = made.store;
  for (const id of ["old", "young"]) {
    const ingest = content.ingest({ id });
    ingest.write(Buffer.from("half"));
    ingest.suspend();
  }
  const yesterday = Date.now() / 1000 - 25 * 3600;
  utimesSync(join(content.root, "ingest/old/data"), yesterday, yesterday);
  wholeStore(made.store);
  expect(content.ingests().map(({ id }) => id)).toEqual(["young"]);
});
