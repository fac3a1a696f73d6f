/** `teu completion`: scripts of shells. What they ask is `teu complete`, so that they need not know any command. */
import { print } from "../../base/index.ts";
import { InvalidOption } from "../../engine/index.ts";
import { teuCommand } from "../context.ts";

/** Words are taken from the line itself: bash splits them at the colons of image names. */
const BASH = `_teu() {
  local line=\${COMP_LINE:0:COMP_POINT} words reply current cut=
  read -r -a words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  current=\${words[\${#words[@]} - 1]}
  [[ $current == *:* ]] && cut=\${current%"\${current##*:}"}
  COMPREPLY=()
  while IFS= read -r reply; do
    [ -z "$reply" ] || COMPREPLY+=("\${reply#"$cut"}")
  done < <("\${words[0]}" complete -- "\${words[@]:1}" 2>/dev/null)
}
complete -o default -F _teu teu
`;

const ZSH = `#compdef teu
_teu() {
  local -a replies
  replies=("\${(@f)$(teu complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n $replies[1] ]]; then compadd -Q -- $replies; else _files; fi
}
compdef _teu teu
`;

const FISH = `function __teu_complete
  teu complete -- (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null
end
complete -c teu -a '(__teu_complete)'
`;

const SCRIPTS: Readonly<Record<string, string>> = { bash: BASH, zsh: ZSH, fish: FISH };

export const command = teuCommand({
  name: "teu completion",
  summary: "Print what lets a shell complete the words of teu",
  description:
    "Commands, flags, and the names of the containers, images, networks and volumes that are there. SHELL is bash, zsh or fish.",
  flags: {},
  arguments: [{ name: "SHELL" }],
  examples: [
    { command: "source <(teu completion bash)", says: "In this shell; in ~/.bashrc, in all" },
    { command: "teu completion fish > ~/.config/fish/completions/teu.fish", says: "For fish" },
  ],
  run({ arguments: [shell = ""] }) {
    const script = Object.hasOwn(SCRIPTS, shell) ? SCRIPTS[shell] : undefined;
    if (script === undefined)
      throw new InvalidOption(
        { option: "SHELL", value: shell },
        `Unknown shell ${JSON.stringify(shell)}: wants bash, zsh or fish`,
      );
    print(script);
    return 0;
  },
});
