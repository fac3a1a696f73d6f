/** What goes wrong with networks of the Container Network Interface. */
import { TeuError } from "../../../base/index.ts";

/** No file describes a network of that name. */
export class NoSuchCNINetwork extends TeuError<"no-such-cni-network", { name: string; directory: string }> {
  constructor(context: { name: string; directory: string }) {
    const { name, directory } = context;
    super(
      "no-such-cni-network",
      "not-found",
      context,
      `CNI network ${name} not found: no file in ${JSON.stringify(directory)} describes it`,
    );
  }
}

/** A file that should describe a network does not. */
export class InvalidCNIConfiguration extends TeuError<
  "invalid-cni-configuration",
  { file: string; why: string }
> {
  constructor(context: { file: string; why: string }) {
    super(
      "invalid-cni-configuration",
      "invalid",
      context,
      `Cannot read CNI configuration ${JSON.stringify(context.file)}: ${context.why}`,
    );
  }
}

/** Another program's note of an attachment does not say whose it is: plugins could be told that it is nobody's. */
export class UnknownAttachment extends TeuError<"unknown-cni-attachment", { network: string; file: string }> {
  constructor(context: { network: string; file: string }) {
    const { network, file } = context;
    super(
      "unknown-cni-attachment",
      "failed-precondition",
      context,
      `Cannot collect what is left in CNI network ${network}: ${JSON.stringify(file)} does not say whose attachment it is`,
    );
  }
}

/** A plugin is not there, fails, hangs, or says what cannot be understood. */
export class CNIPluginFailed extends TeuError<
  "cni-plugin-failed",
  { network: string; plugin: string; command: string; why: string }
> {
  constructor(context: { network: string; plugin: string; command: string; why: string }) {
    const { network, plugin, command, why } = context;
    super(
      "cni-plugin-failed",
      "failed-precondition",
      context,
      `CNI network ${network}: ${command} of plugin ${plugin} failed: ${why}`,
    );
  }
}
