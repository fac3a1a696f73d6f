/** Which teu this is. The build stamps both constants in; from the sources they are what package.json cannot say. */
declare const TEU_VERSION: string;
declare const TEU_COMMIT: string;

/** The version of package.json, or `0.0.0-dev` when run from the sources. */
export const version: string = typeof TEU_VERSION === "string" ? TEU_VERSION : "0.0.0-dev";

/** The git commit that was built, with `-dirty` when files differed from it; `unknown` outside a clone. */
export const commit: string = typeof TEU_COMMIT === "string" ? TEU_COMMIT : "unknown";
