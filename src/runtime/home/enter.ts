/**
 * Goes on in other namespaces: this process becomes another program there, with its pid, its terminal and its streams. A process
 * of several threads cannot join a user namespace, so it becomes init first, which joins and then becomes the program.
 * Source: setns(2), execve(2).
 */
import initProgram from "../../../native/out/init.elf.base64" with { type: "text" };
import { workingDirectory } from "../../base/index.ts";
import { addressOf, check, cString, sealedFile, syscall } from "../../sys/index.ts";
import { CLONE_NEWNS, CLONE_NEWUSER } from "../compile/constants.ts";
import { planFile } from "../machine/launch.ts";
import { PlanBuilder } from "../plan/builder.ts";
import { FIRST_SLOT, PLAN_DESCRIPTOR, type Plan, SYNC_DESCRIPTOR } from "../plan/plan.ts";

/** A program, as execve wants it. */
export interface Program {
  readonly path: string;
  readonly argv: readonly string[];
  readonly env: readonly string[];
}

/** One whose words need not be text. */
type ProgramByBytes = Omit<Program, "argv"> & { readonly argv: readonly (string | Uint8Array)[] };

const F_DUPFD_CLOEXEC = 1030;
/** Beyond what the plan's descriptors are put at. */
const FIRST_FREE = 64;
const AT_EMPTY_PATH = 0x1000;
const CLOSE_RANGE_CLOEXEC = 4;
/** As docker's and podman's: what failed is the engine, not the container's program. */
const FAILED_STATUS = 125;

/**
 * Becomes `program` in the user and mount namespace of the process that `pidfd` names, in the same directory. Whatever fails after the
 * point of no return ends the process with a line on stderr.
 * @throws {SystemCallFailed} before that point
 */
export function becomeInNamespaces(pidfd: number, program: ProgramByBytes): never {
  const lift = (descriptor: number) =>
    check(syscall("fcntl", descriptor, F_DUPFD_CLOEXEC, FIRST_FREE), "fcntl");
  const plan = planFile(entryPlan(program));
  const lifted = [lift(plan), lift(pidfd)] as const;
  const executable = lift(sealedFile("teu-init", Uint8Array.fromBase64(initProgram), { executable: true }));
  const argv = pointers(["teu-init"]);
  const environment = pointers([]);
  // From here on descriptors of our own are lost.
  syscall("dup3", lifted[0], PLAN_DESCRIPTOR, 0);
  syscall("close", SYNC_DESCRIPTOR);
  syscall("dup3", lifted[1], FIRST_SLOT, 0);
  const result = syscall("execveat", executable, cString(""), argv.table, environment.table, AT_EMPTY_PATH);
  check(result, "execveat", "teu-init");
  throw new RangeError("execveat returned, and did not fail");
}

/** Nobody hears of failures: init itself says what is to be said. */
function entryPlan({ path, argv, env }: ProgramByBytes): Plan {
  const plan = new PlanBuilder();
  plan.section("enter", "setns(2)");
  const cannotJoin = plan.label();
  const cannotRun = plan.label();
  plan.call("setns", [FIRST_SLOT, CLONE_NEWUSER | CLONE_NEWNS], { on: { "*": cannotJoin } });
  // setns has led to the root.
  plan.call("chdir", [wordIn(plan, Buffer.from(workingDirectory(), "latin1"))], { on: { "*": "next" } });
  plan.call("close_range", [PLAN_DESCRIPTOR, 0xffff_ffff, CLOSE_RANGE_CLOEXEC]);
  const words = argv.map((word) => (typeof word === "string" ? plan.text(word) : wordIn(plan, word)));
  const table = plan.words([...words, 0], `${argv.length} words`);
  plan.call("execve", [plan.text(path), table, plan.strings(env, `${env.length} variables`)], {
    on: { "*": cannotRun },
  });
  for (const [label, says] of [
    [cannotJoin, "Cannot enter the user's namespaces: the kernel refused it"],
    [cannotRun, `Cannot go on in the user's namespaces: ${JSON.stringify(path)} cannot be run there`],
  ] as const) {
    const text = `teu: ${says}\n`;
    plan.place(label);
    plan.call("write", [2, plan.text(text), new TextEncoder().encode(text).length], { on: { "*": "next" } });
    plan.exit(FAILED_STATUS);
  }
  return plan.finish();
}

/** `bytes` with their NUL. */
function wordIn(plan: PlanBuilder, bytes: Uint8Array): ReturnType<PlanBuilder["bytes"]> {
  return plan.bytes(Buffer.concat([bytes, Buffer.of(0)]));
}

/** A NULL-terminated table of strings; `texts` keeps alive what it points at. */
function pointers(words: readonly string[]): { table: BigUint64Array; texts: readonly Uint8Array[] } {
  const texts = words.map(cString);
  return { table: BigUint64Array.from([...texts.map((text) => BigInt(addressOf(text))), 0n]), texts };
}
