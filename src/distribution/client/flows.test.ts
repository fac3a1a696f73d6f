/** How the large registries ask who we are and where they send us for blobs: doubles of each, driven by our client. */
import { expect, test } from "bun:test";
import { digestOf, parseReference, type Tag } from "../../spec/index.ts";
import { RegistryClient } from "./client.ts";
import type { Credentials } from "./credentials.ts";

const LAYER = "the layer";
const BLOB = { digest: digestOf(LAYER), size: LAYER.length };
const MEDIA_TYPE = "application/vnd.oci.image.manifest.v1+json";
const MANIFEST = JSON.stringify({
  schemaVersion: 2,
  mediaType: MEDIA_TYPE,
  config: { mediaType: "application/vnd.oci.empty.v1+json", digest: digestOf("{}"), size: 2 },
  layers: [],
});
const basic = (username: string, password: string): Credentials => ({ kind: "basic", username, password });

/** One registry's ways. */
interface Flow {
  readonly name: string;
  /** Where this behaviour is described. */
  readonly source: string;
  readonly repository: string;
  readonly credentials: Credentials;
  /** Absent: Basic, and no tokens. */
  readonly realm?: string;
  readonly service: string;
  /** How credentials are shown: as Basic to the realm, or as a form with a refresh token. */
  readonly grant: "basic" | "refresh";
  readonly tokenField: "token" | "access_token";
  /** To where blobs are redirected. */
  readonly storage?: string;
  readonly statusOfRedirect?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly hasNoDigest?: boolean;
}

const KEY = JSON.stringify({ type: "service_account", private_key: "-----BEGIN: x\n" });
const COMMON = { grant: "basic", tokenField: "token", statusOfRedirect: 307 } as const;
const FLOWS: readonly Flow[] = [
  {
    ...COMMON,
    name: "Docker Hub",
    source: "distribution docs, token authentication; Docker documentation, pull usage and limits",
    repository: "hub.example/library/a",
    credentials: basic("me", "dckr_pat_x"),
    realm: "https://auth.example/token",
    service: "registry.hub.example",
    storage: "https://cdn.example",
    headers: { "ratelimit-limit": "100;w=21600", "ratelimit-remaining": "99;w=21600" },
  },
  {
    ...COMMON,
    name: "GHCR",
    source: "GitHub documentation, working with the container registry: a personal access token as password",
    repository: "ghcr.test.example/owner/a",
    credentials: basic("anybody", "ghp_x"),
    realm: "https://ghcr.test.example/token",
    service: "ghcr.test.example",
    storage: "https://packages.example",
  },
  {
    ...COMMON,
    name: "ECR",
    source:
      "Amazon ECR documentation, private registry authentication: AWS and a password of 12 hours, Basic",
    repository: "123456789012.ecr.example/a",
    credentials: basic("AWS", "eyJwYXlsb2Fk"),
    service: "ecr.example",
    storage: "https://bucket.s3.example",
  },
  ...[basic("_json_key", KEY), basic("oauth2accesstoken", "ya29.x")].map(
    (credentials): Flow => ({
      ...COMMON,
      name: `Artifact Registry, ${credentials.kind === "basic" ? credentials.username : ""}`,
      source: "Artifact Registry documentation, authentication methods for docker",
      repository: "pkg.example/project/repo/a",
      credentials,
      realm: "https://pkg.example/v2/token",
      service: "pkg.example",
      storage: "https://storage.example",
      statusOfRedirect: 302,
    }),
  ),
  {
    ...COMMON,
    name: "ACR, the refresh token as identity token",
    source: "Azure/acr docs/AAD-OAuth.md: POST oauth2/token, grant_type=refresh_token",
    repository: "acr.example/a",
    credentials: { kind: "identity-token", token: "refresh" },
    realm: "https://acr.example/oauth2/token",
    service: "acr.example",
    grant: "refresh",
    tokenField: "access_token",
    storage: "https://blobs.example",
  },
  {
    ...COMMON,
    name: "ACR, the refresh token as password",
    source: "Azure documentation, az acr login --expose-token: the user of zeros",
    repository: "acr.example/a",
    credentials: basic("00000000-0000-0000-0000-000000000000", "refresh"),
    realm: "https://acr.example/oauth2/token",
    service: "acr.example",
    tokenField: "access_token",
    storage: "https://blobs.example",
  },
  {
    ...COMMON,
    name: "Harbor",
    source: "Harbor documentation, robot accounts; goharbor/harbor src/server/middleware/v2auth",
    repository: "harbor.example/team/a",
    credentials: basic("robot$team+ci", "s"),
    realm: "https://harbor.example/service/token",
    service: "harbor-registry",
  },
  {
    ...COMMON,
    name: "Quay",
    source: "quay/quay endpoints/v2/v2auth.py: robots, tokens of /v2/auth; storage by redirect",
    repository: "quay.test.example/org/a",
    credentials: basic("org+robot", "s"),
    realm: "https://quay.test.example/v2/auth",
    service: "quay.test.example",
    storage: "https://s3.example",
    statusOfRedirect: 302,
    hasNoDigest: true,
  },
];

/** What each host was shown. */
interface Seen {
  readonly host: string;
  readonly path: string;
  readonly authorization: string | null;
  readonly scopes: readonly string[];
}

function doubleOf(flow: Flow) {
  const { registry, repository } = parseReference(flow.repository);
  const seen: Seen[] = [];
  const header =
    flow.credentials.kind === "basic"
      ? `Basic ${btoa(`${flow.credentials.username}:${flow.credentials.password}`)}`
      : "";
  const answerToken = async (request: Request, url: URL): Promise<Response> => {
    const form = flow.grant === "refresh" ? new URLSearchParams(await request.text()) : url.searchParams;
    const isRight =
      flow.grant === "refresh"
        ? request.method === "POST" &&
          form.get("grant_type") === "refresh_token" &&
          form.get("refresh_token") === "refresh"
        : request.headers.get("authorization") === header;
    if (!isRight || form.get("service") !== flow.service) return new Response(null, { status: 401 });
    if (!form.getAll("scope").includes(`repository:${repository}:pull`))
      return new Response(null, { status: 403 });
    return Response.json({ [flow.tokenField]: "the.token", expires_in: 300 });
  };
  const fetch = async (request: Request): Promise<Response> => {
    const url = new URL(request.url);
    const authorization = request.headers.get("authorization");
    seen.push({
      host: url.host,
      path: url.pathname,
      authorization,
      scopes: url.searchParams.getAll("scope"),
    });
    if (`${url.origin}${url.pathname}` === flow.realm) return await answerToken(request, url);
    if (url.origin === flow.storage)
      // S3 and its like refuse a request that is signed in two ways.
      return authorization === null ? new Response(LAYER) : new Response(null, { status: 400 });
    if (url.host !== registry) return new Response(null, { status: 500 });
    const wanted = flow.realm === undefined ? header : "Bearer the.token";
    if (authorization !== wanted) {
      const challenge =
        flow.realm === undefined
          ? `Basic realm="https://${registry}/",service="${flow.service}"`
          : `Bearer realm="${flow.realm}",service="${flow.service}",scope="repository:${repository}:pull"`;
      return new Response(null, { status: 401, headers: { "www-authenticate": challenge } });
    }
    if (url.pathname.includes("/blobs/"))
      return flow.storage === undefined
        ? new Response(LAYER)
        : new Response(null, {
            status: flow.statusOfRedirect ?? 307,
            headers: { location: `${flow.storage}/${BLOB.digest}?X-Signature=abc` },
          });
    const headers = {
      ...flow.headers,
      "content-type": MEDIA_TYPE,
      ...(!flow.hasNoDigest && { "docker-content-digest": digestOf(MANIFEST) }),
    };
    return new Response(request.method === "HEAD" ? null : MANIFEST, { headers });
  };
  return { fetch, seen };
}

test.each(FLOWS)("$name: a manifest and a blob, and nobody else sees who we are", async (flow) => {
  const { fetch, seen } = doubleOf(flow);
  const { registry, repository } = parseReference(flow.repository);
  const client = new RegistryClient(
    { registry, repository },
    { fetch, credentials: async () => flow.credentials, retry: { attempts: 1, baseMs: 1, maxMs: 1 } },
  );
  expect((await client.statManifest("1" as Tag)).digest).toBe(digestOf(MANIFEST));
  expect((await client.resolve("1" as Tag)).digest).toBe(digestOf(MANIFEST));
  expect(await new Response(client.getBlob(BLOB)).text()).toBe(LAYER);
  const storage = flow.storage && new URL(flow.storage).host;
  expect(seen.filter(({ host }) => host === storage).map(({ authorization }) => authorization)).toEqual(
    storage === undefined ? [] : [null],
  );
  const realm = flow.realm === undefined ? undefined : new URL(flow.realm);
  // One token serves for all three.
  const exchanges = seen.filter(({ host, path }) => host === realm?.host && path === realm?.pathname);
  expect(exchanges).toHaveLength(realm === undefined ? 0 : 1);
  const known = new Set([registry as string, realm?.host, storage]);
  expect(seen.filter(({ host }) => !known.has(host))).toEqual([]);
});
