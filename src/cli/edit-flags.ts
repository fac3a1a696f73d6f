/** Flags of commands that make an image of an image, and what they print. */
import { print } from "../base/index.ts";
import { type EditedImage, InvalidOption } from "../engine/index.ts";
import { JSON_FLAG } from "./context.ts";
import { PLATFORM_FLAG, platformOf } from "./image-flags.ts";

export const TAG_FLAG = {
  kind: "string",
  short: "t",
  value: "NAME",
  summary: "What the new image is called (default as the old one, which loses that name)",
} as const;

export const ANNOTATION_FLAG = {
  kind: "list",
  short: "a",
  value: "KEY=VALUE",
  summary: "Set an annotation",
} as const;

/** Flags that all of them have. */
export const EDIT_FLAGS = { tag: TAG_FLAG, platform: PLATFORM_FLAG, json: JSON_FLAG } as const;

/** Their values. */
export function editOptions(flags: {
  readonly tag: string | undefined;
  readonly platform: string | undefined;
}): {
  tag: string | undefined;
  platform: ReturnType<typeof platformOf>;
} {
  return { tag: flags.tag, platform: platformOf(flags.platform) };
}

/** Prints the digest of what was made, or all. */
export function printEdited(image: EditedImage, flags: { readonly json: boolean }): void {
  print(flags.json ? `${JSON.stringify(image)}\n` : `${image.digest}\n`);
}

/** `KEY=VALUE`s; the value may be empty. @throws {InvalidOption} */
export function pairsOf(option: string, texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const equals = text.indexOf("=");
      if (equals > 0) return [text.slice(0, equals), text.slice(equals + 1)];
      throw new InvalidOption(
        { option, value: text },
        `Invalid value ${JSON.stringify(text)} of ${option}: wants KEY=VALUE`,
      );
    }),
  );
}
