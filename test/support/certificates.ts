/** Certificates by authorities of a test's own: openssl makes them. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

/** A folder of them, each `NAME.pem` with its key in `NAME.key`; disposing removes it. */
export class Certificates implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), "teu-certificates-"));

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
  }

  openssl(...words: string[]): void {
    const { exitCode, stderr } = Bun.spawnSync(["openssl", ...words], { cwd: this.folder });
    if (exitCode !== 0) throw new Error(stderr.toString());
  }

  /** An authority of its own, valid for a month. */
  root(name: string): void {
    const made = ["-keyout", `${name}.key`, "-subj", `/CN=${name}`];
    this.openssl("req", "-x509", ...EC, ...made, "-days", "30", "-out", `${name}.pem`);
  }

  /** One with these extensions that the authority `by` made. */
  certify(name: string, by: string, extensions: readonly string[], days = 1): void {
    const made = ["-keyout", `${name}.key`, "-subj", `/CN=${name}`];
    this.openssl("req", ...EC, ...made, "-out", `${name}.csr`);
    writeFileSync(join(this.folder, "extensions"), extensions.join("\n"));
    const signer = ["-CA", `${by}.pem`, "-CAkey", `${by}.key`, "-CAcreateserial"];
    const rest = ["-days", `${days}`, "-extfile", "extensions", "-out", `${name}.pem`];
    this.openssl("x509", "-req", "-in", `${name}.csr`, ...signer, ...rest);
  }

  /** What lies in a file here. */
  text(file: string): string {
    return readFileSync(join(this.folder, file), "utf8");
  }

  der(name: string): Buffer {
    return Buffer.from(this.text(`${name}.pem`).replaceAll(/-----[^-]+-----|\s/g, ""), "base64");
  }
}
