/** A network namespace of a test's own: bridges and rules that teu makes in there are none of this machine's. */
import type { Need } from "../../support/needs.ts";
import { type Finished, run } from "../teu.ts";

/** The kernel makes network devices of that kind, on another one: `macvlan`, `vlan id 7`. */
export function devices(...words: string[]): Need {
  return {
    says: `a kernel with ${words[0]} devices`,
    isMet: () => {
      const script = `ip link add v0 type veth peer name v1 && ip link add link v0 name x0 type ${words.join(" ")}`;
      return Bun.spawnSync(["unshare", "--net", "sh", "-c", script], { stderr: "ignore" }).success;
    },
  };
}

/** A network namespace with a neighbour beside it: `host` is where teu works, `outside` another machine on the same wire. */
export class OwnNetwork implements Disposable {
  readonly #holders: Bun.Subprocess<"pipe", "ignore", "ignore">[] = [];
  readonly host: readonly string[];
  readonly outside: readonly string[];

  constructor() {
    this.host = this.#namespace();
    this.outside = this.#namespace();
    this.#sh(this.host, `ip link add wire type veth peer name wire netns ${this.#holders[1]?.pid}`);
    this.#sh(this.host, "ip addr add 192.0.2.1/24 dev wire; ip link set wire up");
    this.#sh(this.outside, "ip addr add 192.0.2.2/24 dev wire; ip link set wire up");
  }

  #namespace(): string[] {
    // It ends when this process does, however that ends, and holds nothing of it open: who reads the tests' output would wait for it.
    const holder = Bun.spawn(["unshare", "--net", "sh", "-c", "ip link set lo up && exec cat"], {
      stdio: ["pipe", "ignore", "ignore"],
    });
    this.#holders.push(holder);
    const enter = ["nsenter", `--net=/proc/${holder.pid}/ns/net`];
    // It has entered its namespace when its loopback device is up.
    for (const end = Date.now() + 10_000; ; ) {
      const { stdout } = Bun.spawnSync([...enter, "ip", "-o", "link"], { stderr: "ignore" });
      const lines = stdout.toString().trim().split("\n");
      if (lines.length === 1 && /[<,]UP[,>]/.test(lines[0] ?? "")) return enter;
      if (Date.now() > end) throw new Error("the network namespace was not made");
      Bun.sleepSync(5);
    }
  }

  #sh(where: readonly string[], script: string): void {
    const { success, stderr } = Bun.spawnSync([...where, "sh", "-ec", script]);
    if (!success) throw new Error(`${script}: ${stderr}`);
  }

  /** What a program says that asks for `url` from there. */
  async ask(where: readonly string[], url: string): Promise<Finished> {
    return await run([...where, "busybox", "timeout", "5", "busybox", "wget", "-q", "-O", "-", url]);
  }

  [Symbol.dispose](): void {
    for (const holder of this.#holders) holder.kill("SIGKILL");
  }
}
