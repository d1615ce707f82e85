// What is sent of a picture.

// A model sees 224×224 pixels of it: no reason to send more than this.
const maxPixels = 4e6;

// prepare scales a large picture down, and says so. What the browser cannot read goes as it is: the service may know it.
export async function prepare(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    return { body: file, note: "" };
  }
  try {
    const { width, height } = bitmap;
    if (width * height <= maxPixels) return { body: file, note: "" };
    const scale = Math.sqrt(maxPixels / (width * height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(width * scale));
    canvas.height = Math.max(1, Math.round(height * scale));
    const pen = canvas.getContext("2d");
    pen.imageSmoothingQuality = "high";
    pen.fillStyle = "#fff"; // as the service does with what is transparent
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    const body = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
    if (!body) return { body: file, note: "" };
    return { body, note: `Scaled from ${width}×${height} to ${canvas.width}×${canvas.height} before it was sent.` };
  } finally {
    bitmap.close();
  }
}
