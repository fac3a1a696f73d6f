/** Commands of docker, crane, skopeo and oras that teu has not, and what to do instead. */
import { Unsupported } from "../base/index.ts";

const CLUSTER = "teu looks after one machine: several are Kubernetes' business";
const BUILD =
  "it builds no images yet: 'teu commit', 'teu import' and 'teu image mutate' make some, 'teu load' takes those of any builder";

const INSTEAD: Readonly<Record<string, string>> = {
  build: BUILD,
  builder: BUILD,
  buildx: BUILD,
  compose: "it reads no compose files yet: 'teu network create' and 'teu run' do what they say",
  context: "there is no daemon to choose: TEU_ROOT and TEU_RUN choose a store",
  "generate-sigstore-key": "it is 'teu generate-key-pair'",
  trust: "signatures are 'teu sign' and 'teu verify'",
  checkpoint: "'teu runtime checkpoint' and 'teu runtime restore' do it for bundles",
  plugin: "there are none: networks, volumes and logs are teu's own",
  append: "'teu image mutate --append' adds layers",
  delete: "'teu manifest rm' removes what a registry has, 'teu rmi' what is here",
  digest: "'teu manifest head' tells it",
  discover: "'teu referrers --tree' shows what refers to an image",
  flatten: "it is 'teu image flatten'",
  mutate: "it is 'teu image mutate'",
  rebase: "it is 'teu image rebase'",
  validate: "'teu image verify' looks whether an image is right",
  "list-tags": "it is 'teu ls'",
  ...Object.fromEntries(
    ["swarm", "stack", "service", "node", "secret", "config"].map((word) => [word, CLUSTER]),
  ),
};

/** What to say of `word`, if one of them has such a command. */
export function foreignCommand(word: string): Unsupported | undefined {
  const why = Object.hasOwn(INSTEAD, word) ? INSTEAD[word] : undefined;
  return why === undefined ? undefined : new Unsupported({ what: `teu ${word}`, why });
}
