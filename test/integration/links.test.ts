/** `--link`: one container finds another by a name of its own for it, by /etc/hosts and variables in the pre-defined network, by the name server in others. */
import { afterEach, expect } from "bun:test";
import { program, root } from "../support/needs.ts";
import { useOwnStore } from "./support/own-store.ts";
import type { Store } from "./support/registry.ts";

let store: Store;
let image: string;

const test = useOwnStore(
  [root, program("busybox"), program("nft"), program("ip"), program("nsenter")],
  (own) => {
    ({ store, image } = own);
  },
);

afterEach(async () => {
  if (store === undefined) return;
  const containers = (await store.done("ps", "-aq")).split("\n").filter((id) => id !== "");
  if (containers.length > 0) await store.done("rm", "-f", ...containers);
  await store.done("network", "prune", "-f");
});

const start = (name: string, ...flags: string[]): Promise<string> =>
  store.done("run", "-d", "--name", name, ...flags, image, "sleep", "1000");
const inspect = async (name: string, format: string): Promise<string> =>
  (await store.done("inspect", "-f", format, name)).trim();
const addressOf = (name: string): Promise<string> =>
  inspect(name, "{{.NetworkSettings.Networks.bridge.IPAddress}}");
const LINKS = "{{json .HostConfig.Links}}";

/** Lines of its /etc/hosts that name the other one. */
async function hostsOf(container: string, name: string): Promise<string[]> {
  const text = await store.done("exec", container, "busybox", "cat", "/etc/hosts");
  return text.split("\n").filter((line) => line.split(/\s/).slice(1).includes(name));
}

test("a linked container is told of by variables and lines of /etc/hosts, as docker has it", async () => {
  await start("db", "-h", "dbhost", "-e", "A=a=b", "-e", "PASS=theirs", "--expose=5432", "--expose=600-602");
  const address = await addressOf("db");
  const script = "busybox env | busybox grep ^MY_DB; busybox grep my-db /etc/hosts";
  const flags = ["--rm", "--name", "web", "--link", "db:my-db", "-e", "MY_DB_ENV_PASS=mine"];
  const output = await store.done("run", ...flags, image, "sh", "-c", script);
  const expected = [600, 601, 602, 5432].flatMap((port) => {
    const place = `tcp://${address}:${port}`;
    const name = `MY_DB_PORT_${port}_TCP`;
    return [`${name}=${place}`, `${name}_ADDR=${address}`, `${name}_PORT=${port}`, `${name}_PROTO=tcp`];
  });
  const range = "MY_DB_PORT_600_TCP";
  expect(output.trimEnd().split("\n").sort()).toEqual(
    [
      ...expected,
      ...[`${range}_START=tcp://${address}:600`, `${range}_PORT_START=600`],
      ...[`${range}_END=tcp://${address}:602`, `${range}_PORT_END=602`],
      ...[`MY_DB_PORT=tcp://${address}:600`, "MY_DB_NAME=/web/my-db", "MY_DB_ENV_A=a=b"],
      "MY_DB_ENV_PASS=mine", // what was asked for by name stays
      `${address}\tmy-db dbhost db`,
    ].sort(),
  );
});

test("a link follows the other container: to another address, by another name, and goes with rm --link", async () => {
  await start("db");
  await start("web", "--link", "db");
  expect(await inspect("web", LINKS)).toBe('["/db:/web/db"]');
  expect(await store.done("exec", "web", "sh", "-c", "echo $DB_NAME")).toBe("/web/db\n");
  const names = (await store.done("ps", "--no-trunc", "--format", "{{.Names}}")).split("\n");
  expect(names.sort()).toEqual(["", "db,web/db", "web"]);
  const before = await addressOf("db");
  await store.done("stop", "-t", "0", "db");
  await start("other");
  await store.done("start", "db");
  const now = await addressOf("db");
  expect(now).not.toBe(before);
  const [line = ""] = await hostsOf("web", "db");
  expect(line.split("\t")[0]).toBe(now);

  await store.done("rename", "db", "store");
  expect(await inspect("web", LINKS)).toBe('["/store:/web/db"]');
  expect(await store.done("rm", "--link", "web/db")).toBe("web/db\n");
  expect(await inspect("web", LINKS)).toBe("null");
  expect(await hostsOf("web", "db")).toEqual([]);
  expect((await store.teu("rm", "--link", "web/db")).stderr).toBe("teu: No such link: web/db\n");
});

test("the other one has to run, and be in the same network", async () => {
  await store.done("create", "--name", "db", image, "sleep", "1000");
  await store.done("create", "--name", "web", "--link", "db:x", image, "sleep", "1000");
  const refused = "teu: Cannot link to a non running container: /db AS /web/x\n";
  expect((await store.teu("start", "web")).stderr).toBe(refused);
  await store.done("start", "db");
  await store.done("start", "web");
  await store.done("rm", "-f", "db", "web");

  await store.done("network", "create", "apart");
  await start("db", "--network", "apart");
  expect((await store.teu("run", "--name", "web", "--link", "db", image, "true")).stderr).toBe(
    "teu: Cannot link to /db, as it does not belong to the default network\n",
  );
  expect(await store.done("ps", "-a", "--format", "{{.Names}}")).toBe("db\n"); // nothing half-made
});

test("in a network that somebody made, the name server knows the asker's own names", async () => {
  await store.done("network", "create", "shop");
  await start("web", "--network", "shop", "--link", "later:Soon");
  expect(await inspect("web", `${LINKS} {{json .NetworkSettings.Networks.shop.Links}}`)).toBe(
    'null ["later:Soon"]',
  );
  const ping = (from: string, name: string) =>
    store.teu("exec", from, "busybox", "ping", "-c", "1", "-w", "2", name);
  expect((await ping("web", "soon")).status).not.toBe(0);
  await start("later", "--network", "shop");
  expect((await ping("web", "soon")).status).toBe(0);
  expect((await ping("web", "soon.shop")).status).toBe(0);
  expect((await ping("later", "soon")).stderr).toContain("bad address"); // of the asker alone

  const id = (await start("third")).trim();
  await store.done("network", "connect", "shop", "third");
  await start("fourth");
  await store.done("network", "connect", "--link", `${id}:o`, "shop", "fourth");
  expect((await ping("fourth", "o")).status).toBe(0);
  expect((await store.teu("network", "connect", "--link", "a:b", "bridge", "web")).stderr).toBe(
    "teu: links are only supported for user-defined networks\n",
  );
});

test("what is no link is refused, before anything is made", async () => {
  const refusal = async (...flags: string[]) =>
    (await store.teu("create", "--name", "bad", ...flags, image, "true")).stderr;
  expect(await refusal("--link", "nobody")).toBe("teu: No such container: nobody\n");
  expect(await refusal("--link", "a:b:c")).toBe("teu: bad format for links: a:b:c\n");
  expect(await refusal("--link", "")).toBe("teu: empty string specified for links\n");
  for (const mode of ["host", "none", "container:x"])
    expect(await refusal("--network", mode, "--link", "a")).toStartWith("teu: conflicting options: ");
  // A further line of /etc/hosts would be somebody else's answer.
  expect(await refusal("--link", "a:b\n6.6.6.6 bank")).toStartWith("teu: bad format for links: ");
  expect(await store.done("ps", "-aq")).toBe("");
});
