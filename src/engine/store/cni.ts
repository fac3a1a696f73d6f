/** Records of containers in CNI networks: what a chain was called with, until it has been called to disconnect. */
import type { Database } from "bun:sqlite";
import type { ChainRequest } from "../network/cni/chain.ts";

/** A container's place in such a network. */
export interface CNIAttachment {
  readonly container: string;
  /** Without `cni:`. */
  readonly network: string;
  readonly device: string;
  readonly request: ChainRequest;
  /** Of the last plugin; absent: not all of them were called. */
  readonly result?: Readonly<Record<string, unknown>>;
}

interface Row {
  container: string;
  network: string;
  device: string;
  request: string;
  result: string | null;
}

/** Those of a container, or all, in the order of their devices. */
export function listCNIAttachments(database: Database, container?: string): CNIAttachment[] {
  return database
    .query<Row, [string | null]>(
      "SELECT * FROM cni_attachments WHERE ?1 IS NULL OR container = ?1 ORDER BY container, length(device), device",
    )
    .all(container ?? null)
    .map(({ container, network, device, request, result }) => ({
      ...{ container, network, device },
      request: JSON.parse(request),
      ...(result !== null && { result: JSON.parse(result) }),
    }));
}

/** Before the first plugin is called. */
export function addCNIAttachment(
  database: Database,
  { container, network, device, request }: CNIAttachment,
): void {
  database
    .query("INSERT INTO cni_attachments (container, network, device, request) VALUES (?1, ?2, ?3, ?4)")
    .run(container, network, device, JSON.stringify(request));
}

/** After the last. */
export function setCNIResult(database: Database, container: string, network: string, result: object): void {
  database
    .query("UPDATE cni_attachments SET result = ?3 WHERE container = ?1 AND network = ?2")
    .run(container, network, JSON.stringify(result));
}

export function deleteCNIAttachment(database: Database, container: string, network: string): void {
  database.query("DELETE FROM cni_attachments WHERE container = ?1 AND network = ?2").run(container, network);
}
