/** Which platform an image is wanted for: this machine's, or the one that a person asked for. */
import { encodePlatform, type Platform, platformOfProcessor, suitsPlatform } from "../../spec/index.ts";
import type { ImageDocuments } from "./content.ts";
import { WrongPlatform } from "./errors.ts";

/** The choice. */
export interface PlatformChoice {
  readonly platform: Platform;
  /** Whether a person asked for it: then an image for another one is refused, which is tried otherwise, as docker has it. */
  readonly isPlatformRequired?: boolean;
}

/** The platform of this machine. */
export function thisPlatform(): Platform {
  return platformOfProcessor(process.arch);
}

/** What `--platform` says; absent: this machine's. */
export function choosePlatform(asked: Platform | undefined): PlatformChoice {
  return { platform: asked ?? thisPlatform(), isPlatformRequired: asked !== undefined };
}

/** Whether `image` may be taken: an index has chosen already, a manifest that stands alone has not. */
export function isAcceptable(
  image: Pick<ImageDocuments, "config" | "platforms">,
  { platform, isPlatformRequired }: PlatformChoice,
): boolean {
  return isPlatformRequired !== true || image.platforms > 0 || suitsPlatform(image.config, platform);
}

/** Refuses what is not acceptable. @throws {WrongPlatform} */
export function requirePlatform(
  name: string,
  image: Pick<ImageDocuments, "config" | "platforms">,
  choice: PlatformChoice,
): void {
  if (isAcceptable(image, choice)) return;
  const [platform, wanted] = [encodePlatform(image.config), encodePlatform(choice.platform)];
  throw new WrongPlatform({ image: name, platform, wanted });
}
