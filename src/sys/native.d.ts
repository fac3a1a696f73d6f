/** The built native programs as text, in the executable by the bundler. */
declare module "*.base64" {
  const text: string;
  export default text;
}
