/** How the large registries ask who we are and where they send us for blobs: doubles of each, driven by our client. */
import { describe, expect, test } from "bun:test";
import {
  digestOf,
  parseReference,
  type RegistryName,
  type RepositoryName,
  type Tag,
} from "../../spec/index.ts";
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
  /** How it takes blobs in. */
  readonly push: {
    /** Where it sends who begins an upload, and how that is described. */
    readonly location: string;
    readonly source: string;
    /** What its challenge asks for, whatever is about to be done; `pull` unless said. */
    readonly scope?: string;
    /** What it answers to HEAD of a blob, in a repository that is not there yet; 404 unless said. */
    readonly statusOfHead?: number;
  };
}

const KEY = JSON.stringify({ type: "service_account", private_key: "-----BEGIN: x\n" });
const COMMON = { grant: "basic", tokenField: "token", statusOfRedirect: 307 } as const;
const FLOWS: readonly Flow[] = [
  {
    ...COMMON,
    name: "Docker Hub",
    push: {
      location: "https://hub.example/v2/library/a/blobs/uploads/1?_state=a%2Bb%3D%3D",
      source: "distribution/distribution registry/handlers/blobupload.go: absolute, the state in the query",
      // As of a repository that is made by the push. Source: docker/hub-feedback, denied: requested access to the resource.
      statusOfHead: 401,
    },
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
    push: {
      location: "/v2/owner/a/blobs/upload/1",
      source:
        "relative, and not /uploads/; its challenge asks for pull also when an upload begins: arg-sh/argsh #135",
      scope: "repository:owner/a:pull",
      statusOfHead: 403,
    },
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
    push: {
      location: "https://123456789012.ecr.example/v2/a/blobs/uploads/1",
      source: "Amazon ECR documentation, API_InitiateLayerUpload; helm/helm #12491: 401 to HEAD of a blob",
      statusOfHead: 401,
    },
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
      push: {
        location: `/artifacts-uploads/namespaces/project/repositories/repo/uploads/${"x".repeat(900)}`,
        source: "oras-project/rust-oci-client #175: outside /v2/, and long",
      },
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
    push: {
      location: "/v2/a/blobs/uploads/1?_nouploadcache=false&_state=x",
      source:
        "Azure documentation, REST API of container registries, blobs start upload: the state in the query",
    },
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
    push: {
      location: "/v2/a/blobs/uploads/1?_nouploadcache=false&_state=x",
      source:
        "Azure documentation, REST API of container registries, blobs start upload: the state in the query",
    },
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
    push: {
      location: "http://harbor.example/v2/team/a/blobs/uploads/1?_state=x",
      source: "goharbor/harbor: behind a proxy that ends TLS the location says http; distribution #2225",
    },
    source: "Harbor documentation, robot accounts; goharbor/harbor src/server/middleware/v2auth",
    repository: "harbor.example/team/a",
    credentials: basic("robot$team+ci", "s"),
    realm: "https://harbor.example/service/token",
    service: "harbor-registry",
  },
  {
    ...COMMON,
    name: "Quay",
    push: {
      location: "/v2/org/a/blobs/uploads/1",
      source: "quay/quay endpoints/v2/blob.py: start_blob_upload",
    },
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

/** A large blob goes as a stream, a small one at once. */
const LARGE = "x".repeat((1 << 20) + 1);

/** The double, which takes in what it is sent; `stored` has it by the digest that ended the upload. */
function pushDoubleOf(flow: Flow) {
  const { registry, repository } = parseReference(flow.repository);
  const stored = new Map<string, string>();
  const scopes: string[] = [];
  let [exchanges, pending] = [0, ""];
  const header =
    flow.credentials.kind === "basic"
      ? `Basic ${btoa(`${flow.credentials.username}:${flow.credentials.password}`)}`
      : "";
  const own = `repository:${repository}`;
  const { location } = flow.push;
  const where = new URL(location, `https://${registry}`);
  const answerToken = async (request: Request, url: URL): Promise<Response> => {
    exchanges += 1;
    const form = flow.grant === "refresh" ? new URLSearchParams(await request.text()) : url.searchParams;
    if (flow.grant === "basic" && request.headers.get("authorization") !== header)
      return new Response(null, { status: 401 });
    scopes.push(...form.getAll("scope").flatMap((scope) => scope.split(" ")));
    // The first scope alone, as some servers read it.
    return Response.json({ [flow.tokenField]: `for.${scopes.at(0)}`, expires_in: 300 });
  };
  const fetch = async (request: Request): Promise<Response> => {
    const url = new URL(request.url);
    const authorization = request.headers.get("authorization");
    if (`${url.origin}${url.pathname}` === flow.realm) return await answerToken(request, url);
    if (url.host !== registry || url.protocol !== "https:") return new Response(null, { status: 500 });
    const isLetIn =
      flow.realm === undefined ? authorization === header : authorization === `Bearer for.${own}:pull,push`;
    const scope = flow.push.scope ?? `${own}:${request.method === "HEAD" ? "pull" : "pull,push"}`;
    const challenge =
      flow.realm === undefined
        ? `Basic realm="https://${registry}/",service="${flow.service}"`
        : `Bearer realm="${flow.realm}",service="${flow.service}",scope="${scope}"`;
    const refusal = { status: 401, headers: { "www-authenticate": challenge } };
    if (!isLetIn) return new Response(null, refusal);
    const body = await request.text();
    if (request.method === "HEAD") {
      const status = flow.push.statusOfHead ?? 404;
      return new Response(null, status === 401 ? refusal : { status });
    }
    if (request.method === "POST") {
      pending = "";
      return new Response(null, { status: 202, headers: { location } });
    }
    if (request.method === "PUT" && url.pathname.includes("/manifests/")) {
      stored.set(digestOf(body), body);
      return new Response(null, { status: 201 });
    }
    // The state is given back as it was.
    if (url.pathname !== where.pathname || !url.search.startsWith(where.search))
      return new Response(null, { status: 400 });
    pending += body;
    if (request.method === "PATCH") return new Response(null, { status: 202, headers: { location } });
    const digest = url.searchParams.get("digest") ?? "";
    if (digestOf(pending) !== digest) return new Response(null, { status: 400 });
    stored.set(digest, pending);
    return new Response(null, { status: 201 });
  };
  return { fetch, stored, exchanges: () => exchanges };
}

test.each(FLOWS)("$name: pushes blobs and a manifest with one token, where it is sent to", async (flow) => {
  const { fetch, stored, exchanges } = pushDoubleOf(flow);
  const { registry, repository } = parseReference(flow.repository);
  const client = new RegistryClient(
    { registry, repository },
    { fetch, credentials: async () => flow.credentials, retry: { attempts: 1, baseMs: 1, maxMs: 1 } },
  );
  for (const bytes of [LAYER, LARGE]) {
    const blob = { digest: digestOf(bytes), size: bytes.length };
    expect(await client.hasBlob(blob)).toBe(false);
    await client.pushBlob(blob, () => new Response(bytes).body ?? new ReadableStream());
  }
  await client.putManifest("1" as Tag, { mediaType: MEDIA_TYPE, bytes: new TextEncoder().encode(MANIFEST) });
  expect([...stored.values()]).toEqual([LAYER, LARGE, MANIFEST]);
  if (flow.push.statusOfHead !== 401) expect(exchanges()).toBe(flow.realm === undefined ? 0 : 1);
});

describe("a token of Microsoft Entra", () => {
  const repository = { registry: "acr.example" as RegistryName, repository: "a" as RepositoryName };
  const exchange = (answer: Response) => {
    const seen: { url: string; authorization: string | null; form: Record<string, string> }[] = [];
    const fetch = async (request: Request): Promise<Response> => {
      const form = Object.fromEntries(new URLSearchParams(await request.text()));
      seen.push({ url: request.url, authorization: request.headers.get("authorization"), form });
      return answer;
    };
    const client = new RegistryClient(repository, { fetch, credentials: async () => undefined });
    return { seen, result: client.exchangeEntraToken({ token: "eyJ.aad", tenant: "t" }) };
  };

  // Source: Azure/acr docs/AAD-OAuth.md.
  test("is changed for a refresh token of the registry", async () => {
    const { seen, result } = exchange(Response.json({ refresh_token: "refresh" }));
    expect(await result).toBe("refresh");
    const form = { grant_type: "access_token", service: "acr.example", tenant: "t", access_token: "eyJ.aad" };
    expect(seen).toEqual([{ url: "https://acr.example/oauth2/exchange", authorization: null, form }]);
  });

  test.each([
    ["that it refuses", new Response("eyJ.aad", { status: 401 }), "refuses the token with status 401"],
    ["at another registry", new Response(null, { status: 404 }), "no Azure container registry"],
    ["answered with nonsense", new Response("refresh"), "no refresh token"],
  ])("%s is an error that shows none", async (_, answer, why) => {
    const failure = await exchange(answer).result.catch((error: unknown) => error);
    expect(String(failure)).toContain(why);
    expect(String(failure)).not.toContain("eyJ.aad");
  });
});
