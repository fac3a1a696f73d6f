import { expect, test } from "bun:test";
import { GroupSync } from "./group-sync.ts";

test("GroupSync: who comes while a sync is under way waits for the next, with all others", async () => {
  const syncs: PromiseWithResolvers<void>[] = [];
  const group = new GroupSync(() => {
    const sync = Promise.withResolvers<void>();
    syncs.push(sync);
    return sync.promise;
  });
  const ended: string[] = [];
  const wait = async (name: string): Promise<void> => {
    await group.wait();
    ended.push(name);
  };
  const first = wait("first");
  const others = [wait("second"), wait("third")];
  expect(syncs).toHaveLength(1);
  syncs[0]?.resolve();
  await first;
  expect(ended).toEqual(["first"]);
  expect(syncs).toHaveLength(2);
  syncs[1]?.resolve();
  await Promise.all(others);
  expect(syncs).toHaveLength(2);
});

test("GroupSync: a sync that fails fails for those who waited for it, and the next is made all the same", async () => {
  let failures = 1;
  const group = new GroupSync(async () => {
    await Bun.sleep(1);
    if (failures-- > 0) throw new Error("lost");
  });
  const first = group.wait().catch((error: unknown) => String(error));
  const second = group.wait();
  expect(await first).toBe("Error: lost");
  await second;
});
