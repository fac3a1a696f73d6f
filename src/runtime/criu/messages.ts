/**
 * What is said to CRIU's service and what it answers, with the names and numbers of its own description.
 * Source: criu images/rpc.proto.
 */
import { encodeMessage, Fields, type FieldTable, InvalidMessage } from "./protobuf.ts";

/** `criu_req_type`. */
export const REQUEST = {
  DUMP: 1,
  RESTORE: 2,
  PRE_DUMP: 4,
  NOTIFY: 6,
  FEATURE_CHECK: 9,
  VERSION: 10,
} as const;
export type RequestType = keyof typeof REQUEST;

/** `criu_cg_mode`, by the words of `--manage-cgroups-mode`. */
export const CGROUP_MODES = { ignore: 0, soft: 3, full: 4, strict: 5, default: 6 } as const;

/** `ext_mount_map`: for a dump `val` is its name, for a restore the host's path. */
export interface ExternalMount {
  readonly key: string;
  readonly val: string;
}

/** `criu_opts`, those that a container needs. Descriptors of directories are the caller's own: CRIU opens them by /proc. */
export interface CriuOptions {
  readonly images_dir_fd: number;
  readonly pid?: number;
  readonly leave_running?: boolean;
  readonly ext_unix_sk?: boolean;
  readonly tcp_established?: boolean;
  readonly evasive_devices?: boolean;
  readonly shell_job?: boolean;
  readonly file_locks?: boolean;
  readonly log_level?: number;
  readonly log_file?: string;
  readonly ps?: { readonly address: string; readonly port: number };
  readonly notify_scripts?: boolean;
  readonly root?: string;
  readonly parent_img?: string;
  readonly track_mem?: boolean;
  readonly auto_dedup?: boolean;
  readonly work_dir_fd?: number;
  readonly link_remap?: boolean;
  readonly ext_mnt?: readonly ExternalMount[];
  readonly manage_cgroups?: boolean;
  readonly cg_root?: readonly { readonly ctrl: string; readonly path: string }[];
  readonly rst_sibling?: boolean;
  /** Numbers of CRIU's own descriptors. */
  readonly inherit_fd?: readonly { readonly key: string; readonly fd: number }[];
  readonly manage_cgroups_mode?: number;
  readonly external?: readonly string[];
  readonly empty_ns?: number;
  readonly join_ns?: readonly { readonly ns: string; readonly ns_file: string }[];
  readonly freeze_cgroup?: string;
  readonly tcp_skip_in_flight?: boolean;
  readonly lazy_pages?: boolean;
  readonly status_fd?: number;
  readonly orphan_pts_master?: boolean;
  readonly config_file?: string;
  readonly lsm_profile?: string;
  readonly lsm_mount_context?: string;
}

const OPTIONS: FieldTable<CriuOptions> = {
  images_dir_fd: 1,
  pid: 2,
  leave_running: 3,
  ext_unix_sk: 4,
  tcp_established: 5,
  evasive_devices: 6,
  shell_job: 7,
  file_locks: 8,
  log_level: 9,
  log_file: 10,
  ps: [11, { address: 1, port: 2 }],
  notify_scripts: 12,
  root: 13,
  parent_img: 14,
  track_mem: 15,
  auto_dedup: 16,
  work_dir_fd: 17,
  link_remap: 18,
  ext_mnt: [23, { key: 1, val: 2 }],
  manage_cgroups: 24,
  cg_root: [25, { ctrl: 1, path: 2 }],
  rst_sibling: 26,
  inherit_fd: [27, { key: 1, fd: 2 }],
  manage_cgroups_mode: 34,
  external: 37,
  empty_ns: 38,
  join_ns: [39, { ns: 1, ns_file: 2 }],
  freeze_cgroup: 44,
  tcp_skip_in_flight: 46,
  lazy_pages: 48,
  status_fd: 49,
  orphan_pts_master: 50,
  config_file: 51,
  lsm_profile: 53,
  lsm_mount_context: 63,
};

/** `criu_features`. */
export interface CriuFeatures {
  readonly mem_track?: boolean;
  readonly lazy_pages?: boolean;
}

/** `criu_req`. */
export interface CriuRequest {
  readonly type: number;
  readonly opts?: CriuOptions;
  readonly notify_success?: boolean;
  readonly features?: CriuFeatures;
}

const REQUEST_FIELDS: FieldTable<CriuRequest> = {
  type: 1,
  opts: [2, OPTIONS],
  notify_success: 3,
  features: [5, { mem_track: 1, lazy_pages: 2 }],
};

export function encodeRequest(request: CriuRequest): Uint8Array<ArrayBuffer> {
  return encodeMessage(request, REQUEST_FIELDS);
}

/** `criu_notify`: a moment of the work at which the caller may do something. */
export interface CriuNotify {
  readonly script: string;
  /** Of the container's first process, as this process sees it; 0 where there is none yet. */
  readonly pid: number;
}

/** `criu_resp`. */
export interface CriuResponse {
  readonly type: number;
  readonly success: boolean;
  readonly notify?: CriuNotify;
  /** The pid of the restored container's first process, or 0. */
  readonly restored: number;
  readonly cr_errno: number;
  readonly cr_errmsg: string;
  readonly features: CriuFeatures;
  /** 3.17.1 is 31701. */
  readonly version: number;
}

/** @throws {InvalidMessage} also where what has to be there is not. */
export function decodeResponse(bytes: Uint8Array): CriuResponse {
  const fields = new Fields(bytes);
  const [type, success] = [fields.number(1), fields.boolean(2)];
  if (type === undefined || success === undefined)
    throw new InvalidMessage({ why: "it says neither what it answers nor whether that succeeded", at: 0 });
  const restored = fields.message(4)?.number(1) ?? 0;
  // 0 and less mean groups of processes where a signal is sent.
  if (type === REQUEST.RESTORE && success && restored <= 0)
    throw new InvalidMessage({ why: "it tells no pid of what it has restored", at: 0 });
  const notify = fields.message(5);
  const features = fields.message(8);
  return {
    type,
    success,
    ...(notify && { notify: { script: notify.text(1) ?? "", pid: notify.number(2) ?? 0 } }),
    restored,
    cr_errno: fields.number(7) ?? 0,
    cr_errmsg: fields.text(9) ?? "",
    features: {
      mem_track: features?.boolean(1) ?? false,
      lazy_pages: features?.boolean(2) ?? false,
    },
    version: decodeVersion(fields.message(10)),
  };
}

function decodeVersion(fields: Fields | undefined): number {
  const [major, minor, sublevel] = [1, 2, 4].map((field) => fields?.number(field) ?? 0);
  return (major ?? 0) * 10_000 + (minor ?? 0) * 100 + (sublevel ?? 0);
}
