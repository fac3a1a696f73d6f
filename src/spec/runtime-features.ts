/**
 * What a runtime can do, told without a container. An absent field means "unknown", not "no".
 * Source: runtime-spec 1.3, features.md and features-linux.md.
 */

export interface RuntimeFeatures {
  readonly ociVersionMin: string;
  readonly ociVersionMax: string;
  readonly hooks?: readonly string[];
  readonly mountOptions?: readonly string[];
  readonly linux?: LinuxFeatures;
  readonly annotations?: Readonly<Record<string, string>>;
  /** One that ends with a dot is a prefix. */
  readonly potentiallyUnsafeConfigAnnotations?: readonly string[];
}

/** Source: features-linux.md. */
export interface LinuxFeatures {
  readonly namespaces?: readonly string[];
  readonly capabilities?: readonly string[];
  readonly cgroup?: {
    readonly v1?: boolean;
    readonly v2?: boolean;
    readonly systemd?: boolean;
    readonly systemdUser?: boolean;
    readonly rdma?: boolean;
  };
  readonly seccomp?: {
    readonly enabled?: boolean;
    readonly actions?: readonly string[];
    readonly operators?: readonly string[];
    readonly archs?: readonly string[];
    readonly knownFlags?: readonly string[];
    readonly supportedFlags?: readonly string[];
  };
  readonly apparmor?: { readonly enabled?: boolean };
  readonly selinux?: { readonly enabled?: boolean };
  readonly intelRdt?: {
    readonly enabled?: boolean;
    readonly schemata?: boolean;
    readonly monitoring?: boolean;
  };
  readonly memoryPolicy?: { readonly modes?: readonly string[]; readonly flags?: readonly string[] };
  readonly mountExtensions?: { readonly idmap?: { readonly enabled?: boolean } };
  readonly netDevices?: { readonly enabled?: boolean };
}
