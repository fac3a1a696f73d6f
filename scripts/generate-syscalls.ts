/**
 * Writes `src/runtime/seccomp/generated/`: the system call names and numbers of each architecture, from the kernel's
 * own headers. `--check` writes nothing and exits 1 where a committed table differs.
 *
 * The headers are Debian's: linux-libc-dev (x86 and the generic table that aarch64 uses) and
 * linux-libc-dev-armhf-cross (arm; its place can be given as ARM_HEADERS). What Linux 6.1 has not is listed below.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const OUT = join(import.meta.dir, "../src/runtime/seccomp/generated");
const COMMAND = "bun scripts/generate-syscalls.ts";
const ARM_HEADERS = process.env["ARM_HEADERS"] ?? "/usr/arm-linux-gnueabihf/include";
const X32_BIT = 0x4000_0000;

/** Added after Linux 6.1, up to 7.0; one number on every architecture. Source: kernel scripts/syscall.tbl. */
const NEWER: Readonly<Record<string, number>> = {
  cachestat: 451,
  fchmodat2: 452,
  map_shadow_stack: 453,
  futex_wake: 454,
  futex_wait: 455,
  futex_requeue: 456,
  statmount: 457,
  listmount: 458,
  lsm_get_self_attr: 459,
  lsm_set_self_attr: 460,
  lsm_list_modules: 461,
  mseal: 462,
  setxattrat: 463,
  getxattrat: 464,
  listxattrat: 465,
  removexattrat: 466,
  open_tree_attr: 467,
  file_getattr: 468,
  file_setattr: 469,
  listns: 470,
  rseq_slice_yield: 471,
};
/** Likewise, on x86-64 only. Source: kernel arch/x86/entry/syscalls/syscall_64.tbl. */
const NEWER_X86_64: Readonly<Record<string, number>> = { uretprobe: 335, uprobe: 336 };

interface Table {
  readonly architecture: string;
  /** What the first line of the file names as its source. */
  readonly source: string;
  readonly header: string;
  readonly flags: readonly string[];
  readonly newer: Readonly<Record<string, number>>;
}

const GENERIC = ["RENAMEAT", "NEW_STAT", "SET_GET_RLIMIT", "SYS_CLONE3", "MEMFD_SECRET"];
const TABLES: readonly Table[] = [
  {
    architecture: "x86_64",
    source: "linux-libc-dev asm/unistd_64.h",
    header: "asm/unistd_64.h",
    flags: [],
    newer: { ...NEWER, ...NEWER_X86_64 },
  },
  {
    architecture: "x86",
    source: "linux-libc-dev asm/unistd_32.h",
    header: "asm/unistd_32.h",
    flags: [],
    newer: NEWER,
  },
  {
    architecture: "x32",
    source: "linux-libc-dev asm/unistd_x32.h, without its bit 30",
    header: "asm/unistd_x32.h",
    flags: ["-D__X32_SYSCALL_BIT=0"],
    newer: { ...NEWER, ...NEWER_X86_64 },
  },
  {
    architecture: "aarch64",
    source: "linux-libc-dev asm-generic/unistd.h with what arm64 wants of it",
    header: "asm-generic/unistd.h",
    flags: ["-D__BITS_PER_LONG=64", ...GENERIC.map((name) => `-D__ARCH_WANT_${name}`)],
    newer: NEWER,
  },
  {
    architecture: "arm",
    source: "linux-libc-dev-armhf-cross asm/unistd.h (EABI)",
    header: "asm/unistd.h",
    flags: ["-D__ARM_EABI__", "-nostdinc", `-I${ARM_HEADERS}`],
    newer: NEWER,
  },
];

function preprocess(flags: readonly string[], text: string): string {
  const run = Bun.spawnSync(["cc", "-E", "-P", ...flags, "-x", "c", "-"], { stdin: Buffer.from(text) });
  if (!run.success) throw new Error(`Cannot preprocess ${JSON.stringify(text)}: ${run.stderr}`);
  return run.stdout.toString();
}

/** Every `__NR_name` of the header with its number: the compiler finds the macros, then expands each. */
function numbersOf({ header, flags, newer }: Table): [string, number][] {
  const include = `#include <${header}>\n`;
  const macros = preprocess([...flags, "-dM"], include).matchAll(/^#define __(?:ARM_)?NR_([a-z_]\w*) /gm);
  const names = [...macros].map(([, name = ""]) => name).filter((name) => !NOT_CALLS.has(name));
  const expand = names.map((name) => `"${name}" ${PRIVATE.has(name) ? "__ARM_NR_" : "__NR_"}${name}\n`);
  const numbers = new Map(Object.entries(newer));
  for (const line of preprocess(flags, include + expand.join("")).split("\n")) {
    const [, name, expression] = /^"(\w+)" ([\d\sa-fx()+]+)$/.exec(line) ?? [];
    if (name === undefined || expression === undefined) continue;
    numbers.set(
      name,
      expression
        .split("+")
        .map((term) => Number(term.replace(/[()\s]/g, "")))
        .reduce((sum, term) => sum + term, 0),
    );
  }
  const wrong = names.filter((name) => !numbers.has(name));
  if (wrong.length > 0 || names.length < 200) throw new Error(`Cannot read ${header}: ${wrong.join(" ")}`);
  return [...numbers].sort(([a, m], [b, n]) => m - n || (a < b ? -1 : 1));
}
/** Not calls, though named like them. */
const NOT_CALLS = new Set(["syscalls", "arch_specific_syscall"]);
/** arm's private calls have a prefix of their own. */
const PRIVATE = new Set(["breakpoint", "cacheflush", "usr26", "usr32", "set_tls", "get_tls"]);

/** JSON, since nothing else is read as fast; a line continued by a backslash adds nothing to the text. */
function encode(table: Table): string {
  const lines = ["{"];
  for (const [name, number] of numbersOf(table)) {
    if (number >= X32_BIT) throw new Error(`${table.architecture} ${name} has the number ${number}`);
    const token = `"${name}":${number},`;
    const last = lines.at(-1) ?? "";
    if (last.length + token.length > 106) lines.push(token);
    else lines[lines.length - 1] = last + token;
  }
  return [
    `// Generated from ${table.source} by \`${COMMAND}\`; do not edit.`,
    `/** System call numbers of ${table.architecture} by name, as JSON. */`,
    `export const ${table.architecture}: string = \`${lines.join("\\\n").replace(/,$/, "}")}\`;`,
    "",
  ].join("\n");
}

let differs = false;
for (const table of TABLES) {
  const path = join(OUT, `${table.architecture}.ts`);
  if (table.architecture === "arm" && !existsSync(`${ARM_HEADERS}/asm/unistd-eabi.h`)) {
    console.log(`skip ${table.architecture}: no ${ARM_HEADERS} (package linux-libc-dev-armhf-cross)`);
    continue;
  }
  const text = encode(table);
  if (process.argv.includes("--check")) {
    if (readFileSync(path, "utf8") === text) continue;
    differs = true;
    console.log(`${path} differs from what ${COMMAND} writes`);
  } else {
    writeFileSync(path, text);
  }
}
process.exitCode = differs ? 1 : 0;
