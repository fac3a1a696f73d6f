/** `-v SOURCE:DESTINATION[:OPTIONS]`: a host directory or file, shown in the container. Source: docker run reference, -v. */
import { posix } from "node:path";
import { type ContainerPath, type HostPath, Unsupported } from "../../base/index.ts";
import { InvalidOption } from "./error.ts";

/** A bind mount that was asked for. */
export interface Volume {
  readonly source: HostPath;
  readonly destination: ContainerPath;
  readonly readonly: boolean;
  readonly propagation: string;
}

const PROPAGATION = new Set(["private", "rprivate", "shared", "rshared", "slave", "rslave"]);
/** Words that change nothing here: relabelling where there is no SELinux, copying into named volumes, consistency on macOS. */
const WITHOUT_EFFECT = new Set(["nocopy", "consistent", "cached", "delegated"]);

/** Parses the value of `-v`. @throws {InvalidOption} {Unsupported} */
export function parseVolume(text: string): Volume {
  const fields = text.split(":");
  const [source = "", destination = "", options = ""] = fields;
  const invalid = (why: string) =>
    new InvalidOption({ option: "--volume", value: text }, `Invalid volume specification: '${text}': ${why}`);
  if (fields.length > 3) throw invalid("more than three fields");
  if (fields.length === 1)
    throw new Unsupported({
      what: `volume ${JSON.stringify(text)}`,
      why: "volumes without a host path are not built yet; write SOURCE:DESTINATION",
    });
  if (!posix.isAbsolute(destination)) throw invalid("mount path must be absolute");
  const target = posix.resolve(destination);
  if (target === "/") throw invalid("destination can't be '/'");
  const isPath = posix.isAbsolute(source) || /^\.\.?(\/|$)/.test(source);
  if (!isPath) throw noHostPath(text, source, invalid);
  return {
    // Both are absolute now.
    source: posix.resolve(source) as HostPath,
    destination: target as ContainerPath,
    ...parseOptions(options, invalid),
  };
}

function noHostPath(text: string, source: string, invalid: (why: string) => InvalidOption): Error {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(source))
    return invalid(`${JSON.stringify(source)} is neither a path (/…, ./…) nor a volume's name`);
  return new Unsupported({
    what: `volume ${JSON.stringify(text)}`,
    why: "named volumes are not built yet; give the host's directory as an absolute path",
  });
}

function parseOptions(
  options: string,
  invalid: (why: string) => InvalidOption,
): { readonly: boolean; propagation: string } {
  let readonly = false;
  let propagation = "rprivate";
  for (const word of options === "" ? [] : options.split(",")) {
    if (word === "ro" || word === "rw") readonly = word === "ro";
    else if (PROPAGATION.has(word)) propagation = word;
    else if (word === "z" || word === "Z")
      throw new Unsupported({ what: `volume option ${word}`, why: "SELinux labels are not built yet" });
    else if (!WITHOUT_EFFECT.has(word)) throw invalid(`invalid mode: ${word}`);
  }
  return { readonly, propagation };
}
