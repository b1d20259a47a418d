// Tests change this text, so that a build differs from the one before.
export const notice = "Lamps are cheap today.";
