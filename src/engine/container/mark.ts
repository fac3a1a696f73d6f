/** The file at the root by which programs know that they are in a container; docker's. */
export const CONTAINER_MARK = ".dockerenv";
