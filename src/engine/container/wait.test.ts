import { expect, test } from "bun:test";
import { makeStore, putManifest } from "../../../test/support/engine-store.ts";
import { thisOwner } from "../../base/index.ts";
import { addContainer, markExited } from "../store/containers.ts";
import { inTransaction } from "../store/database.ts";
import { addSnapshot } from "../store/snapshots.ts";
import type { Store } from "../store/store.ts";
import { waitForContainer } from "./wait.ts";

/** As many looks as nobody takes who sleeps between them. */
const TOO_OFTEN = 200;

/** `store`, of which more than TOO_OFTEN looks at the records are an error: whoever looks without a rest lets no timer fire. */
function counted(store: Store): Store {
  let looks = 0;
  const database = new Proxy(store.database, {
    get(target, name) {
      if (name === "query" && ++looks > TOO_OFTEN) throw new Error("it looks without a rest");
      const value = Reflect.get(target, name, target) as unknown;
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  return { ...store, database };
}

// It looked again at once, all the time: a whole processor, and no timer of the process went off.
test("waitForContainer() rests while another teu makes the container", async () => {
  using made = makeStore();
  const { store } = made;
  const { mediaType, digest, size } = putManifest(store, []);
  const id = "a".repeat(64);
  inTransaction(store.database, () => {
    const { number } = addSnapshot(store.database, {
      kind: "active",
      key: id,
      parent: null,
      size: 0,
      hidesLower: false,
    });
    addContainer(store.database, store.namespace, {
      ...{ id, name: "made", image: "box", imageTarget: { mediaType, digest, size }, snapshot: number },
      settings: { command: ["true"], autoRemove: false },
      owner: thisOwner(),
    });
  });
  const ended = waitForContainer(counted(store), id);
  setTimeout(() => markExited(store.database, id, 3), 100);
  expect(await ended).toBe(3);
});
