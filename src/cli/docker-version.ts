import { version } from "../base/index.ts";

/** The docker whose commands, flags and words ours are; test/integration/side-by-side holds them to it. */
const DOCKER = "28.2.2";

/** Of its API, which programs compare that use commands alone, as GitHub's runner does. Source: docker version. */
export const DOCKER_API_VERSION = "1.50";

/**
 * Our version where docker's is asked for, by templates: scripts compare it, and take what is older for a docker that cannot do what they
 * need. Ours is its build metadata. Source: semver.org, 10.
 */
export const DOCKER_VERSION = `${DOCKER}+teu.${version}`;
