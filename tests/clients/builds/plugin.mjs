// What the plugins of all bundlers are told. They read where to upload to from the environment.
const { RELEASE } = process.env;

export const options = {
  telemetry: false,
  release: RELEASE ? { name: RELEASE } : { create: false, finalize: false },
  // Otherwise, a plugin only warns.
  errorHandler: (error) => {
    throw error;
  },
};
