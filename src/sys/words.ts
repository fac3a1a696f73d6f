/** The 64-bit words of the kernel's structures as numbers: addresses, descriptors and sizes are far below 2^53. */

const TWO_TO_32 = 0x1_0000_0000;

export function putWord(view: DataView, at: number, value: number): void {
  view.setInt32(at, value, true); // the low half: it wraps
  view.setInt32(at + 4, Math.floor(value / TWO_TO_32), true);
}

/** Signed. */
export function wordAt(view: DataView, at: number): number {
  return view.getInt32(at + 4, true) * TWO_TO_32 + view.getUint32(at, true);
}
