/** The built native programs, embedded in the executable by the bundler: the import's value is a path to read. */
declare module "*.so" {
  const path: string;
  export default path;
}
declare module "*.elf" {
  const path: string;
  export default path;
}
