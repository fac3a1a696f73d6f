/**
 * `make conformance-registry`: the distribution specification's own conformance suite, the Go program of its main branch at
 * a pinned commit, against `teu registry serve`, once for each version of the specification that it knows.
 *
 *   bun scripts/conformance-registry.ts [--write]      --write: write docs/reference/conformance-registry.md anew
 *
 * Needs Go 1.24 or newer. A test counts as failed when it failed, and when it was skipped although its API is asked for:
 * the suite itself would end with status 0 then. So does a page that says something else than this run. The last line is
 * `N passed, N failed`.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "..");
const PAGE = join(ROOT, "docs/reference/conformance-registry.md");
const MODULE = "github.com/opencontainers/distribution-spec/conformance";
/** The newest commit of the specification's main branch that changes the suite. */
const PINNED = "v0.0.0-20260831232431-97274622c111";

/** `dev` adds what main has and 1.1 has not. */
const VERSIONS = ["1.1", "dev"] as const;

/** The status that the suite gives each part, by name. */
type Statuses = Readonly<Record<string, string>>;

interface Report {
  readonly version: string;
  readonly apis: Statuses;
  readonly data: Statuses;
  readonly passed: number;
  /** Names of the tests that did not pass, but for those whose API is not part of this version. */
  readonly bad: readonly string[];
}

/** Builds the suite, if this version of it is not built yet. */
async function install(): Promise<string> {
  const folder = join(ROOT, ".tools/conformance-registry", PINNED);
  const program = join(folder, "conformance");
  if (existsSync(program)) return program;
  const path = `${process.env["PATH"] ?? ""}:/usr/local/go/bin`;
  const go = Bun.which("go", { PATH: path });
  if (go === null) throw new Error("conformance-registry: Go 1.24 or newer is needed, and there is no go");
  mkdirSync(folder, { recursive: true });
  const child = Bun.spawn([go, "install", `${MODULE}@${PINNED}`], {
    cwd: "/",
    env: { ...process.env, PATH: path, GOBIN: folder, GOFLAGS: "-buildvcs=false" },
    stdin: "ignore",
    stdout: "inherit",
    stderr: "inherit",
  });
  if ((await child.exited) !== 0) throw new Error(`conformance-registry: cannot install ${MODULE}@${PINNED}`);
  return program;
}

/** Runs the suite against a registry of its own. */
async function runSuite(program: string, folder: string, version: string): Promise<Report> {
  const results = join(folder, version);
  mkdirSync(results);
  const server = Bun.spawn(
    [
      join(ROOT, "dist/teu"),
      "registry",
      "serve",
      "--listen",
      "127.0.0.1:0",
      "--root",
      join(results, "store"),
    ],
    { cwd: "/", env: {}, stdin: "ignore", stdout: "pipe", stderr: "inherit" },
  );
  try {
    const { value } = await server.stdout.getReader().read();
    const env = {
      OCI_REGISTRY: new TextDecoder().decode(value).trim(),
      OCI_TLS: "disabled",
      OCI_VERSION: version,
      OCI_RESULTS_DIR: results,
    };
    const suite = Bun.spawn([program], {
      cwd: results,
      env,
      stdin: "ignore",
      stdout: "ignore",
      stderr: "inherit",
    });
    await suite.exited;
  } finally {
    server.kill("SIGTERM");
    await server.exited;
  }
  return readReport(version, results);
}

/** Its status 0 says little: what was skipped is in its files. */
function readReport(version: string, folder: string): Report {
  const { apis, data } = Bun.YAML.parse(readFileSync(join(folder, "results.yaml"), "utf8")) as {
    apis: Statuses;
    data: Statuses;
  }; // the suite's own format; a missing field shows as an empty table
  const junit = readFileSync(join(folder, "junit.xml"), "utf8");
  const tests = [...junit.matchAll(/<testcase name="([^"]*)"[^>]* status="([^"]*)"/g)];
  const cancelled = apis["Blob upload cancel"] === "Disabled";
  const bad = tests
    .filter(
      ([, name = "", status]) => status !== "passed" && !(cancelled && name.endsWith("/blob-post-cancel")),
    )
    .map(([, name = "", status = ""]) => `${name} (${status})`);
  return {
    version,
    apis,
    data,
    passed: tests.filter(([, , status]) => status === "passed").length,
    bad: [...bad, ...wanting(apis), ...wanting(data)],
  };
}

/** The parts that are neither passed nor outside of this version. */
function wanting(statuses: Statuses): string[] {
  return Object.entries(statuses)
    .filter(([, status]) => status !== "Pass" && status !== "Disabled")
    .map(([name, status]) => `${name} (${status})`);
}

function pageOf(reports: readonly Report[]): string {
  const table = (pick: (report: Report) => Statuses): string => {
    const names = [...new Set(reports.flatMap((report) => Object.keys(pick(report))))].sort();
    const word = (status: string | undefined): string =>
      status === "Pass" ? "pass" : status === undefined || status === "Disabled" ? "–" : `**${status}**`;
    const rows = names.map((name) => [name, ...reports.map((report) => word(pick(report)[name]))]);
    const head = [
      ["part", ...reports.map(({ version }) => version)],
      ["---", ...reports.map(() => "---")],
    ];
    return [...head, ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
  };
  return `<!-- Written by \`make build && .tools/bun scripts/conformance-registry.ts --write\`; do not edit. -->
# Conformance: the registry

The distribution specification's own [conformance suite](https://${MODULE.replace("/conformance", "")}/tree/main/conformance), the program of
its main branch (\`${PINNED}\`), against \`teu registry serve\`. \`make conformance-registry\` runs it again; CI does, and
fails when a test fails, when one is skipped, and when this page says something else than the run.

${reports.map(({ version, passed, bad }) => `- Version ${version}: ${passed} tests passed, ${bad.length} failed or skipped.`).join("\n")}

A dash stands for what is not asked for: what is no part of that version of the specification (\`dev\` is its main branch), and sparse
manifests, which a registry may refuse: an image whose layers are not there is MANIFEST_BLOB_UNKNOWN here. (An index is taken
without its children.)

## By endpoint

${table(({ apis }) => apis)}

## By kind of content

${table(({ data }) => data)}
`;
}

const folder = mkdtempSync(join(tmpdir(), "teu-conformance-"));
try {
  const program = await install();
  const reports: Report[] = [];
  for (const version of VERSIONS) reports.push(await runSuite(program, folder, version));
  const page = pageOf(reports);
  if (Bun.argv.includes("--write")) writeFileSync(PAGE, page);
  const isCurrent = existsSync(PAGE) && readFileSync(PAGE, "utf8") === page;
  for (const { version, bad } of reports) for (const name of bad) console.log(`${version}: ${name}`);
  if (!isCurrent) console.log(`${PAGE} says something else: run this with --write`);
  const passed = reports.reduce((sum, report) => sum + report.passed, isCurrent ? 1 : 0);
  const failed = reports.reduce((sum, report) => sum + report.bad.length, isCurrent ? 0 : 1);
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 && passed > 1 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
