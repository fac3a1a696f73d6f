/** What counts how much containers have written: loaded where somebody asks for it. */
export { sizesOf } from "../engine/index.ts";
