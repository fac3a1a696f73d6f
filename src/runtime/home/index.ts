/** What a plain user's command needs before anything else, by itself: all of the runtime would take longer to load than the rest of it. */
export { becomeInNamespaces } from "./enter.ts";
