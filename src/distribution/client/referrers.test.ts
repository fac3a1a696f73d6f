/** Lists of referrers: over pages, under a tag, and from registries that mean no good. */
import { expect, test } from "bun:test";
import { type Answer, answer, scriptedRegistry } from "../../../test/kits/scripted-registry.ts";
import { digestOf, mediaTypes, parseReference } from "../../spec/index.ts";
import { RegistryClient } from "./client.ts";
import { referrersTag } from "./referrers.ts";

const SUBJECT = digestOf("subject");
const page = (names: readonly string[], link?: string): Answer =>
  answer(
    200,
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.index,
      manifests: names.map((name) => ({
        mediaType: mediaTypes.manifest,
        digest: digestOf(name),
        size: 1,
        artifactType: `x/${name}`,
      })),
    }),
    { "content-type": mediaTypes.index, ...(link !== undefined && { link }) },
  );

function ask(answers: readonly Answer[], artifactType?: string) {
  const { fetch, asked } = scriptedRegistry(...answers);
  const client = new RegistryClient(parseReference("r.example/app"), {
    fetch,
    credentials: async () => undefined,
    retry: { attempts: 1, baseMs: 1, maxMs: 1 },
  });
  return { list: client.referrers(SUBJECT, artifactType), asked };
}

test("a list of several pages is read to its end, and filtered where the registry does not", async () => {
  const next = `</v2/app/referrers/${SUBJECT}?last=b>; rel="next"`;
  const { list, asked } = ask([page(["a", "b"], next), page(["a"])], "x/a");
  expect(await list).toMatchObject({
    keptBy: "registry",
    descriptors: [{ artifactType: "x/a" }, { artifactType: "x/a" }],
  });
  expect(asked.map(({ url }) => new URL(url).search)).toEqual(["?artifactType=x%2Fa", "?last=b"]);
});

test.each([
  ["knows no lists", answer(404)],
  ["answers with a page for people", answer(200, "<html>", { "content-type": "text/html" })],
])("a registry that %s is asked for the tag", async (_, first) => {
  const { list, asked } = ask([first, page(["a"])]);
  expect(await list).toMatchObject({ keptBy: "tag", descriptors: [{ artifactType: "x/a" }] });
  expect(asked[1]?.url).toEndWith(`/manifests/${referrersTag(SUBJECT)}`);
});

test("a list that nobody keeps is empty", async () => {
  expect(await ask([answer(404), answer(404)]).list).toEqual({ keptBy: "tag", descriptors: [] });
});

test("a next page elsewhere is not asked for", async () => {
  const { list, asked } = ask([page(["a"], '<http://169.254.169.254/latest>; rel="next"')]);
  expect(await list.catch(String)).toContain("the next page is elsewhere");
  expect(asked).toHaveLength(1);
});

test("a list without an end is given up", async () => {
  const endless = Array.from({ length: 1001 }, () =>
    page(["a"], `</v2/app/referrers/${SUBJECT}>; rel="next"`),
  );
  expect(await ask(endless).list.catch(String)).toContain("the list has no end");
});
