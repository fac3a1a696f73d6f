/** How the program ends. */
type End = (status: number) => void;

let end: End = (status) => process.exit(status);

/** Has the program end by `how`, which does not return: for who opened something that must be left as it is. */
export function endBy(how: End): void {
  end = how;
}

/** Ends the program. Whatever was to be written has been. */
export function endProgram(status: number): never {
  end(status);
  return process.exit(status); // where that way failed
}
