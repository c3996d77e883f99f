# Made by idim report; edit it, then: gnuplot -e "format='pdf'" training-minilm-l6-film-reviews-projection-fastfood-tensor-normalize-te-1.gp
if (!exists('format')) format = 'svg'
if (format eq 'svg') set terminal svg size 900,560 font 'Helvetica,14' noenhanced background 'white'
if (format eq 'png') set terminal pngcairo size 1800,1120 font 'Helvetica,26' linewidth 2 pointscale 2 noenhanced
if (format eq 'pdf') set terminal pdfcairo size 18cm,11.2cm font 'Helvetica,11' noenhanced
set encoding utf8
set datafile separator comma
set output 'training-minilm-l6-film-reviews-projection-fastfood-tensor-normalize-te-1.'.format
data = 'training-minilm-l6-film-reviews-projection-fastfood-tensor-normalize-te-1.csv'
pick(series, kind, c) = $1 == series && strcol(2) eq kind ? column(c) : NaN
set border 3
set tics nomirror out
set grid linecolor '#e4e4e4'
set key outside right center reverse Left
set title 'Training, MiniLM-L6 on film-reviews, projection fastfood-tensor, normalize tensor, pull public, groups tensor'
set xlabel 'training step'
set ylabel 'training loss'
plot data skip 1 using (pick(0,'full',3)):(pick(0,'full',4)) with lines linewidth 2 linecolor '#000000' title 'full', \
  data skip 1 using (pick(0,'d 180',3)):(pick(0,'d 180',4)) with lines linewidth 2 linecolor '#d39b00' title 'd 180', \
  data skip 1 using (pick(0,'d 240',3)):(pick(0,'d 240',4)) with lines linewidth 2 linecolor '#7fa52b' title 'd 240', \
  data skip 1 using (pick(0,'d 320',3)):(pick(0,'d 320',4)) with lines linewidth 2 linecolor '#2c9a76' title 'd 320', \
  data skip 1 using (pick(0,'d 560',3)):(pick(0,'d 560',4)) with lines linewidth 2 linecolor '#2580a6' title 'd 560', \
  data skip 1 using (pick(0,'d 1800',3)):(pick(0,'d 1800',4)) with lines linewidth 2 linecolor '#3f5bb0' title 'd 1800', \
  data skip 1 using (pick(0,'d 5600',3)):(pick(0,'d 5600',4)) with lines linewidth 2 linecolor '#5b2a86' title 'd 5600'
