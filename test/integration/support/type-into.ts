/** Somebody at a terminal. */
import { TEU } from "../teu.ts";

/** Runs teu at a terminal, and types each text once the question before it is there. @returns what the terminal showed */
export async function typeInto(
  words: readonly string[],
  env: Readonly<Record<string, string>>,
  answers: readonly [question: string, text: string][],
): Promise<{ status: number; seen: string }> {
  let seen = "";
  const child = Bun.spawn([TEU, ...words], {
    env: { ...env },
    terminal: {
      data: (_, bytes) => {
        seen += Buffer.from(bytes).toString();
      },
    },
  });
  for (const [question, text] of answers) {
    for (const end = Date.now() + 5000; !seen.includes(question); await Bun.sleep(5))
      if (Date.now() > end) throw new Error(`waited for ${JSON.stringify(question)} in ${seen}`);
    child.terminal?.write(text);
  }
  return { status: await child.exited, seen };
}
