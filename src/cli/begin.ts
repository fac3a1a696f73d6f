/** What `teu` says when it is asked nothing: where to begin. */

const LINES: readonly (readonly [command: string, says: string])[] = [
  ["teu run --rm -it debian bash", "a shell in a container, gone when you leave it"],
  ["teu run -d -p 8080:80 --name web nginx", "a web server on port 8080 of this machine"],
  ["teu ps", "what runs; then: teu logs web, teu exec -it web sh, teu stop web"],
  ["teu images", "what is here; then: teu pull NAME, teu rmi NAME"],
  ["teu cp web:/etc/nginx .", "files out of a container, or into it"],
  ["teu system df", "what it takes; teu system prune takes less"],
];

/** Fits on a small terminal. */
export function encodeBeginning(): string {
  const width = Math.max(...LINES.map(([command]) => command.length));
  return `teu runs, stores and serves containers, without a daemon. Begin with:

${LINES.map(([command, says]) => `  ${command.padEnd(width)}  ${says}\n`).join("")}
Who has docker's commands in the fingers can keep them: alias docker=teu
All commands: teu --help. One of them: teu run --help. Tab completes words: teu completion bash
`;
}
