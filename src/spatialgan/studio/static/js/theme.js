// Light or dark: as the system says, until the button says otherwise.

const saved = localStorage.getItem('spatialgan-theme');
const dark = () => (document.documentElement.style.colorScheme || (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')) === 'dark';
if (saved) document.documentElement.style.colorScheme = saved;

document.querySelector('#theme').onclick = () => {
  const theme = dark() ? 'light' : 'dark';
  document.documentElement.style.colorScheme = theme;
  localStorage.setItem('spatialgan-theme', theme);
};
