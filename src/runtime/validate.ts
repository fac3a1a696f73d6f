/**
 * What the fields of config.json must mean together, before anything is made. Every issue is found, not the first;
 * where runc has a sentence for it, ours is that sentence, since callers look for it.
 * Source: runtime-spec 1.3 config.md and config-linux.md; runc's validator for the sentences.
 */

import { resolvePath, TeuError } from "../base/index.ts";
import {
  hookNames,
  type IDMapping,
  type Linux,
  type NamespaceType,
  type Process,
  type RuntimeConfig,
} from "../spec/index.ts";
import { byteLength } from "../sys/index.ts";
import { hasNamespace, noNul, noNuls, validateMap } from "./validate-checks.ts";
import { validateMounts } from "./validate-mounts.ts";
import { validateMemoryPolicy, validateScheduling } from "./validate-process.ts";
import { validateIntelRdt } from "./validate-rdt.ts";
import { validateSeccomp } from "./validate-seccomp.ts";
import { validateSysctl } from "./validate-sysctl.ts";

/** One thing that is wrong, and where. */
export interface ConfigIssue {
  /** `linux.namespaces[1]`. */
  readonly field: string;
  readonly says: string;
}

/** config.json is well formed, but what it asks for makes no sense. All issues are in `context`. */
export class InvalidConfig extends TeuError<"invalid-config", { issues: readonly ConfigIssue[] }> {
  constructor(context: { issues: readonly ConfigIssue[] }) {
    const shown = context.issues.map(({ field, says }) => `${field}: ${says}`).join("; ");
    super("invalid-config", "invalid", context, `Invalid config.json: ${shown}`);
  }
}

/** @throws {InvalidConfig} with every issue. */
export function validateConfig(config: RuntimeConfig): void {
  const issues = [
    ...validateVersion(config),
    ...validateRoot(config),
    ...(config.process === undefined
      ? [{ field: "process", says: "process property must not be empty" }]
      : validateProcess(config.process)),
    ...validateNames(config),
    ...validateMounts(config),
    ...validateHooks(config),
    ...validateAnnotations(config),
    ...validateLinux(config),
  ];
  if (issues.length > 0) throw new InvalidConfig({ issues });
}

type Issues = ConfigIssue[];

/** Source: config.md, specification version: minor versions add, majors break. */
function validateVersion({ ociVersion }: RuntimeConfig): Issues {
  return ociVersion.startsWith("1.")
    ? []
    : [{ field: "ociVersion", says: `unsupported spec version ${ociVersion}` }];
}

function validateRoot({ root, linux }: RuntimeConfig): Issues {
  if (root === undefined) return [{ field: "root", says: "root must be specified" }];
  if (root.path === "") return [{ field: "root.path", says: "must not be empty" }];
  if (root.readonly && !hasNamespace(linux, "mount"))
    return [{ field: "root.readonly", says: "unable to mount without a private MNT namespace" }];
  return noNul("root.path", root.path);
}

/** `process` of config.json, and that of `exec --process`. */
export function validateProcess(process: Process, field = "process"): Issues {
  const issues: Issues = [];
  const { args, env, cwd, rlimits } = process;
  if (args === undefined || args.length === 0)
    issues.push({ field: `${field}.args`, says: "args must not be empty" });
  if (cwd === "") issues.push({ field: `${field}.cwd`, says: "Cwd property must not be empty" });
  else if (!cwd.startsWith("/")) issues.push({ field: `${field}.cwd`, says: "Cwd must be an absolute path" });
  issues.push(
    ...noNul(`${field}.cwd`, cwd),
    ...noNuls(`${field}.args`, args),
    ...noNuls(`${field}.env`, env),
  );
  (env ?? []).forEach((entry, index) => {
    if (entry.indexOf("=") < 1)
      issues.push({
        field: `${field}.env[${index}]`,
        says: `invalid environment variable: ${JSON.stringify(entry)} is not NAME=value`,
      });
  });
  const seen = new Set<string>();
  (rlimits ?? []).forEach(({ type, soft, hard }, index) => {
    const at = `${field}.rlimits[${index}]`;
    if (!RLIMITS.has(type)) issues.push({ field: `${at}.type`, says: `invalid rlimit type: ${type}` });
    if (seen.has(type)) issues.push({ field: at, says: `duplicated rlimit ${type}` });
    if (soft > hard) issues.push({ field: at, says: "soft limit is above the hard limit" });
    seen.add(type);
  });
  return [...issues, ...validateScheduling(process, field)];
}

/** Source: getrlimit(2). */
const RLIMITS = new Set(
  [
    ...["CPU", "FSIZE", "DATA", "STACK", "CORE", "RSS", "NPROC", "NOFILE", "MEMLOCK", "AS"],
    ...["LOCKS", "SIGPENDING", "MSGQUEUE", "NICE", "RTPRIO", "RTTIME"],
  ].map((name) => `RLIMIT_${name}`),
);

/** The kernel's bound on both, in bytes. Source: uts_namespaces(7), `__NEW_UTS_LEN`. */
const NAME_BYTES = 64;

function validateNames(config: RuntimeConfig): Issues {
  const issues: Issues = [];
  for (const field of ["hostname", "domainname"] as const) {
    const name = config[field];
    if (!name) continue;
    if (!hasNamespace(config.linux, "uts"))
      issues.push({ field, says: `unable to set ${field} without a private UTS namespace` });
    if (byteLength(name) > NAME_BYTES) issues.push({ field, says: `longer than ${NAME_BYTES} bytes` });
    issues.push(...noNul(field, name));
  }
  return issues;
}

function validateHooks({ hooks }: RuntimeConfig): Issues {
  const issues: Issues = [];
  for (const name of hookNames)
    hooks?.[name]?.forEach(({ path, timeout }, index) => {
      const field = `hooks.${name}[${index}]`;
      if (!path.startsWith("/")) issues.push({ field: `${field}.path`, says: "must be an absolute path" });
      if (timeout !== undefined && timeout <= 0)
        issues.push({ field: `${field}.timeout`, says: "must be greater than zero" });
      issues.push(...noNul(`${field}.path`, path));
    });
  return issues;
}

function validateAnnotations({ annotations }: RuntimeConfig): Issues {
  return annotations !== undefined && "" in annotations
    ? [{ field: "annotations", says: "keys must not be empty" }]
    : [];
}

function validateLinux(config: RuntimeConfig): Issues {
  const { linux } = config;
  if (linux === undefined) return [];
  const restricted = ["maskedPaths", "readonlyPaths"] as const;
  return [
    ...validateNamespaces(linux),
    ...validateMappings(config, linux),
    ...validateSysctl(linux),
    ...validateIntelRdt(linux.intelRdt),
    ...validateDevices(linux),
    ...restricted.flatMap((field) => validatePaths(`linux.${field}`, linux[field])),
    ...(restricted.some((field) => linux[field]?.length) && !hasNamespace(linux, "mount")
      ? [
          {
            field: "linux.maskedPaths",
            says: "unable to restrict sys entries without a private MNT namespace",
          },
        ]
      : []),
    ...validatePropagation(linux),
    ...validateMemoryPolicy(linux),
    ...validateSeccomp(linux),
    ...noNul("linux.cgroupsPath", linux.cgroupsPath ?? ""),
  ];
}

function validatePaths(field: string, paths: readonly string[] | undefined): Issues {
  const issues = noNuls(field, paths);
  (paths ?? []).forEach((path, index) => {
    if (!path.startsWith("/")) issues.push({ field: `${field}[${index}]`, says: "must be an absolute path" });
  });
  return issues;
}

function validateNamespaces({ namespaces, timeOffsets, netDevices }: Linux): Issues {
  const issues: Issues = [];
  const seen = new Map<NamespaceType, string | undefined>();
  (namespaces ?? []).forEach(({ type, path }, index) => {
    const field = `linux.namespaces[${index}]`;
    if (seen.has(type))
      issues.push({ field, says: `malformed spec file: duplicated ns ${JSON.stringify(type)}` });
    if (path && !path.startsWith("/"))
      issues.push({ field: `${field}.path`, says: "must be an absolute path" });
    issues.push(...noNul(`${field}.path`, path ?? ""));
    seen.set(type, path);
  });
  if (timeOffsets !== undefined) {
    const field = "linux.timeOffsets";
    if (!seen.has("time"))
      issues.push({
        field,
        says: "time namespace offsets specified, but time namespace isn't enabled in the config",
      });
    if (seen.get("time"))
      issues.push({
        field,
        says: "time namespace enabled, but both namespace path and time offsets specified -- you may only provide one",
      });
    for (const clock of Object.keys(timeOffsets))
      if (clock !== "monotonic" && clock !== "boottime")
        issues.push({ field, says: `no such clock: ${clock}` });
  }
  if (netDevices !== undefined && Object.keys(netDevices).length > 0 && !seen.has("network"))
    issues.push({
      field: "linux.netDevices",
      says: "unable to move network devices without a NET namespace",
    });
  for (const [name, device] of Object.entries(netDevices ?? {}))
    for (const [field, asked] of [
      ["", name],
      [".name", device.name || name],
    ] as const)
      if (!isDeviceName(asked))
        issues.push({
          field: `linux.netDevices[${JSON.stringify(name)}]${field}`,
          says: `invalid network device name ${JSON.stringify(asked)}`,
        });
  return issues;
}

/** What the kernel takes, and no pattern for names of its own choice. Source: kernel dev_valid_name(), __dev_alloc_name(). */
function isDeviceName(name: string): boolean {
  return /^[^\0-\x20/:%]+$/.test(name) && Buffer.byteLength(name) <= 15 && name !== "." && name !== "..";
}

function validateMappings({ process }: RuntimeConfig, linux: Linux): Issues {
  const issues: Issues = [];
  const user = linux.namespaces?.find(({ type }) => type === "user");
  const maps = [
    ["linux.uidMappings", linux.uidMappings],
    ["linux.gidMappings", linux.gidMappings],
  ] as const;
  for (const [field, mappings] of maps) {
    if (user === undefined) {
      if (mappings?.length)
        issues.push({
          field,
          says: "user namespace mappings specified, but user namespace isn't enabled in the config",
        });
      continue;
    }
    if (user.path) {
      if (mappings?.length) issues.push({ field, says: "both a user namespace path and mappings specified" });
      continue;
    }
    if (!mappings?.length)
      issues.push({
        field,
        says: "user namespaces enabled, but no namespace path to join nor mappings to apply specified",
      });
    else issues.push(...validateMap(field, mappings));
  }
  if (user === undefined || user.path || process === undefined) return issues;
  const { uid, gid, additionalGids } = process.user;
  const unmapped = (id: number, map: readonly IDMapping[] | undefined): boolean =>
    map !== undefined && !map.some(({ containerID, size }) => id >= containerID && id < containerID + size);
  if (unmapped(uid, linux.uidMappings))
    issues.push({ field: "process.user.uid", says: "cannot set uid to unmapped user in user namespace" });
  if (unmapped(gid, linux.gidMappings))
    issues.push({ field: "process.user.gid", says: "cannot set gid to unmapped user in user namespace" });
  (additionalGids ?? []).forEach((id, index) => {
    if (unmapped(id, linux.gidMappings))
      issues.push({
        field: `process.user.additionalGids[${index}]`,
        says: `cannot set gid ${id} in user namespace: unmapped`,
      });
  });
  return issues;
}

function validateDevices({ devices, resources }: Linux): Issues {
  const issues: Issues = [];
  (devices ?? []).forEach(({ path, type, major, minor }, index) => {
    const field = `linux.devices[${index}]`;
    if (!path.startsWith("/")) issues.push({ field: `${field}.path`, says: "must be an absolute path" });
    else if (resolvePath("/", path) === "/")
      issues.push({ field: `${field}.path`, says: "must not be the root" });
    if (type !== "p" && (major === undefined || minor === undefined))
      issues.push({ field, says: `a device of type ${type} needs major and minor` });
    issues.push(...noNul(`${field}.path`, path));
  });
  (resources?.devices ?? []).forEach(({ access }, index) => {
    const field = `linux.resources.devices[${index}].access`;
    if (!access) issues.push({ field, says: `device access at ${index} field cannot be empty` });
    else if (!/^[rwm]+$/.test(access))
      issues.push({ field, says: `unknown device access ${JSON.stringify(access)}` });
  });
  return issues;
}

const PROPAGATIONS = new Set([
  ...["shared", "slave", "private", "unbindable"],
  ...["rshared", "rslave", "rprivate", "runbindable"],
]);

function validatePropagation({ rootfsPropagation }: Linux): Issues {
  return !rootfsPropagation || PROPAGATIONS.has(rootfsPropagation)
    ? []
    : [{ field: "linux.rootfsPropagation", says: `rootfsPropagation=${rootfsPropagation} is not supported` }];
}
